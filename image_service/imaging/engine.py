"""The ImageEngine on a pool of worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from ..domain.description import Description
from ..domain.fingerprint import Fingerprint
from ..domain.formats import Format
from ..domain.image import Findings, PictureFacts
from ..domain.mezzanine import Use
from ..domain.strip import Strip
from ..domain.transform import Transform
from ..domain.variant_ports import Rendering
from ..errors import CorruptImage, InvalidArgument, VariantFailed
from .pool import Job, WorkerPool


class PooledAnalysis:
    """An Analysis whose job is at a worker, or waits for one."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def result(self) -> Findings:
        """See Analysis.result."""
        reply, payload = self._job.result()
        fingerprint = reply["fingerprint"]
        return Findings(
            PictureFacts.from_json(reply["facts"]),
            Description(**reply["description"]),
            Fingerprint(**fingerprint) if fingerprint else None,
            data=payload if reply["changed"] else None,
            removed=tuple(reply["removed"]),
        )

    def cancel(self) -> None:
        """See Analysis.cancel."""
        self._job.cancel()


class PooledRenderer:
    """Renders variants in worker processes of their own: uploads never wait for them."""

    def __init__(
        self,
        pool: WorkerPool,
        watermarks: Mapping[str, bytes] | None = None,
        *,
        shrink_on_load: bool = True,
    ) -> None:
        """Args:
        watermarks: files of pictures to put over others; "" where no name is told.
        shrink_on_load: see render().
        """
        self._pool = pool
        self._shrink_on_load = shrink_on_load
        self._watermarks = watermarks or {}

    def render(
        self, data: bytes, facts: PictureFacts, transform: Transform, mezzanine: Use = Use.NONE
    ) -> Rendering:
        """See Renderer.render."""
        request = {
            "do": "render",
            "facts": facts.to_json(),
            "mezzanine": mezzanine.value,
            "transform": transform.to_json(),
            "watermark": self._watermark(transform),
            "shrink_on_load": self._shrink_on_load,
        }
        try:
            reply, payload = self._pool.submit(request, data).result()
        except CorruptImage as exc:
            # It was sound when it was uploaded: this is about what is asked for.
            raise VariantFailed(str(exc.args[0]).replace("decoding it", "making it")) from exc
        end = reply["data_bytes"]
        return Rendering(
            data=payload[:end],
            format=Format(reply["format"]),
            width=reply["width"],
            height=reply["height"],
            mezzanine=payload[end:],
        )

    def _watermark(self, transform: Transform) -> bytes | None:
        name = transform.watermark_name
        if name and name not in self._watermarks:
            raise InvalidArgument("watermark_url", f"there is no watermark named {name[:40]!r}")
        return self._watermarks.get(name) if transform.watermark else None

    def check(self) -> None:
        """See Renderer.check."""
        self._pool.check()


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
