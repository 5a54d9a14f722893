"""The key that sessions are signed with: random, made once, of all processes of one state."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_BYTES = 32


def session_key(folder: Path) -> bytes:
    """Return the key kept in folder, made where there is none.

    Whoever removes the file ends all sessions. Raises: OSError.
    """
    path = folder / "session.key"
    while len(found := _read(path)) != _BYTES:
        part = folder / f"session.{secrets.token_hex(4)}"
        try:
            _write(part, secrets.token_bytes(_BYTES))
            if path.exists():  # cut short: whose it was cannot be told
                part.replace(path)
            else:
                _name(part, path)
        finally:
            part.unlink(missing_ok=True)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)


def _name(part: Path, path: Path) -> None:
    """Give the file its name, unless another process was first."""
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        part.replace(path)
