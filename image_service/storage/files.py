"""Files as the store writes them, and the operating system's errors as ours."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import StorageFull, StorageUnavailable

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_CHUNK_BYTES = 1024 * 1024


def write_all(fd: int, data: bytes) -> None:
    """Write all of data to an open file. Raises: OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sha256_of(path: Path) -> bytes:
    """Return the SHA-256 of a file. Raises: OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.digest()


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Keep the other threads and processes of this machine out meanwhile. Raises: OSError."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def translated(*let_through: type[OSError]) -> Iterator[None]:
    """Turn the operating system's errors into ours, which name no paths."""
    try:
        yield
    except let_through:
        raise
    except OSError as exc:
        if exc.errno in _NO_ROOM:
            raise StorageFull from exc
        raise StorageUnavailable(exc.strerror or type(exc).__name__) from exc
