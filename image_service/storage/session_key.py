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
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    if len(found) == _BYTES:
        return found
    part = folder / f"session.{secrets.token_hex(4)}"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        if found:  # cut short: whose it was cannot be told
            part.replace(path)
        else:
            _link(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path.read_bytes()


def _link(part: Path, path: Path) -> None:
    """Give the file its name, unless another process was first."""
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        part.replace(path)
