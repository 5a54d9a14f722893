"""The ImageEngine on a pool of worker processes."""

from __future__ import annotations

from typing import Any

import msgpack

from ..domain.description import Description
from ..domain.fingerprint import Fingerprint
from ..domain.formats import Format
from ..domain.image import Findings, PictureFacts
from ..domain.strip import Strip
from ..errors import CorruptImage
from .pool import Job, WorkerPool


class PooledAnalysis:
    """An Analysis whose job is at a worker, or waits for one."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def result(self) -> Findings:
        """See Analysis.result."""
        reply, payload = self._job.result()
        facts, fingerprint = reply["facts"], reply["fingerprint"]
        return Findings(
            PictureFacts(**{**facts, "format": Format(facts["format"])}),
            Description(**reply["description"]),
            Fingerprint(**fingerprint) if fingerprint else None,
            data=payload if reply["changed"] else None,
            removed=tuple(reply["removed"]),
        )

    def cancel(self) -> None:
        """See Analysis.cancel."""
        self._job.cancel()


class PooledEngine:
    """Looks at pictures in worker processes."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def analyse(self, data: bytes, expected: Format, strip: Strip = Strip.NONE) -> PooledAnalysis:
        """See ImageEngine.analyse."""
        request = {"do": "analyse", "format": expected.value, "strip": strip.value}
        return PooledAnalysis(self._pool.submit(request, data))

    def decode_message(self, encoding: str, body: bytes) -> Any:
        """Return what a large "json" or "msgpack" message holds, Node Buffers as bytes.

        Raises: ValueError if it is no message, or too much of it; Busy.
        """
        try:
            request = {"do": "decode", "encoding": encoding}
            reply, payload = self._pool.submit(request, body).result()
        except CorruptImage as exc:
            raise ValueError("decoding it takes more memory or time than allowed") from exc
        if reply["malformed"]:
            raise ValueError(f"not {encoding.upper()}, or too much of it")
        return msgpack.unpackb(payload, strict_map_key=False)

    def check(self) -> None:
        """See ImageEngine.check."""
        self._pool.check()
