"""Many files at once, each stored once, however often the work is interrupted and begun again."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ChecksumMismatch, ImageServiceError
from .api import ImageApi
from .errors import SourceUnreadable

STORED, THERE, FAILED = "stored", "there", "failed"

_AT_ONCE_FILES = 64
_AT_ONCE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """What became of one file: STORED, THERE (its bytes were stored before) or FAILED."""

    path: Path
    status: str
    checksum: str = ""
    image_id: str = ""
    url: str = ""
    size_bytes: int = 0
    error: ImageServiceError | None = None


class Batch:
    """Uploads files with several connections, and spares those whose bytes are stored already.

    The keys of its uploads are made of the files' bytes: a run that was cut off, and whose last
    uploads may still be on their way, stores nothing twice when it is begun again.
    """

    def __init__(
        self,
        images: ImageApi,
        *,
        jobs: int,
        tags: Collection[str] = (),
        attributes: Mapping[str, str] | None = None,
        on_sent: Callable[[Outcome], object] = bool,
    ) -> None:
        """Args:
        jobs: how many uploads there are at a time.
        on_sent: told of each file once, as soon as there is no more to send, in this thread; run()
            yields it when it is sure.
        """
        self._images = images
        self._tags, self._attributes = tags, attributes
        self._on_sent = on_sent
        self._ids: dict[str, str] = {}
        self._fatal: ImageServiceError | None = None
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="upload")

    def run(self, paths: Iterable[Path]) -> Iterator[Outcome]:
        """Yield what became of each file, in their order, as parts of the work are done.

        Raises: what keeps all of them from being stored, as ServiceUnreachable.
        """
        left = iter(paths)
        try:
            while part := list(itertools.islice(left, _AT_ONCE_FILES)):
                yield from self._run_part(part)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _run_part(self, paths: list[Path]) -> list[Outcome]:
        files = list(self._pool.map(_looked_at, paths))
        sound = [file for file in files if not file.error]
        self._ids.update(self._images.find({file.checksum for file in sound} - self._ids.keys()))
        # Of files with the same bytes the first is uploaded.
        wanted: dict[str, Outcome] = {}
        for file in sound:
            if file.checksum not in self._ids:
                wanted.setdefault(file.checksum, file)
        for file in files:
            if wanted.get(file.checksum) is not file:
                self._on_sent(file)
        done = self._uploaded(wanted, self._upload, self._on_sent)
        gone = {key: wanted[key] for key in self._gone(done)}
        done.update(self._uploaded(gone, self._upload_anew))
        self._ids.update(
            {key: outcome.image_id for key, outcome in done.items() if outcome.image_id}
        )
        return [self._outcome(file, done) for file in files]

    def _uploaded(
        self,
        wanted: Mapping[str, Outcome],
        upload: Callable[[Outcome], Outcome],
        tell: Callable[[Outcome], object] = bool,
    ) -> dict[str, Outcome]:
        futures: list[Future[Outcome]] = [
            self._pool.submit(upload, file) for file in wanted.values()
        ]
        done: dict[str, Outcome] = {}
        for future in as_completed(futures):
            outcome = future.result()
            done[outcome.checksum] = outcome
            tell(outcome)
        return done

    def _gone(self, done: Mapping[str, Outcome]) -> set[str]:
        """Return what was answered out of memory: stored within a day, and deleted since."""
        stored = {key for key, outcome in done.items() if outcome.status == STORED}
        return stored - self._images.find(stored).keys() if stored else set()

    def _outcome(self, file: Outcome, done: Mapping[str, Outcome]) -> Outcome:
        uploaded = done.get(file.checksum)
        if file.error:
            return file
        if uploaded and (uploaded.path == file.path or uploaded.error):
            return replace(uploaded, path=file.path)
        return replace(file, status=THERE, image_id=self._ids[file.checksum])

    def _upload(self, file: Outcome) -> Outcome:
        return self._sent(file, f"file-{file.checksum}")

    def _upload_anew(self, file: Outcome) -> Outcome:
        return self._sent(file, f"file-{uuid.uuid4()}")

    def _sent(self, file: Outcome, key: str) -> Outcome:
        if self._fatal:
            raise self._fatal
        try:
            image = self._images.upload(
                file.path,
                tags=self._tags,
                attributes=self._attributes,
                checksum=file.checksum,
                idempotency_key=key,
            )
        except ChecksumMismatch as exc:
            has_changed = _looked_at(file.path).checksum != file.checksum
            changed = SourceUnreadable(str(file.path), "it changed while it was being sent")
            return replace(file, status=FAILED, error=changed if has_changed else exc)
        except ImageServiceError as exc:
            if is_everybodys(exc):
                self._fatal = exc
                raise
            return replace(file, status=FAILED, error=exc)
        return replace(file, status=STORED, image_id=image.id, url=image.url)


def is_everybodys(exc: ImageServiceError) -> bool:
    """Tell whether an error is no file's fault, so that the next one would fail as well."""
    return exc.code in {
        "service_unreachable",
        "broker_refused",
        "service_not_running",
        "call_timed_out",
        "storage_full",
        "storage_unavailable",
        "quota_exceeded",
    }


def _looked_at(path: Path) -> Outcome:
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while part := file.read(_AT_ONCE_BYTES):
                digest.update(part)
                size_bytes += len(part)
    except OSError as exc:
        unreadable = SourceUnreadable(str(path), exc.strerror or type(exc).__name__)
        return Outcome(path, FAILED, error=unreadable)
    return Outcome(path, "", f"sha256:{digest.hexdigest()}", size_bytes=size_bytes)
