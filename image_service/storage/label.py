"""Labels: what is kept beside an original's bytes, in an extended attribute of its file.

On disk with the file's own sync: a file of its own would be another one. Where the file system
keeps none there is none: it is for the day on which the catalogue is lost.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_NAME = "user.image_service"


def set_label(fd: int, label: bytes) -> None:
    """Give an open file a label."""
    if label and hasattr(os, "setxattr"):
        with contextlib.suppress(OSError):
            os.setxattr(fd, _NAME, label)


def replace_label(path: Path, label: bytes) -> bool:
    """Give a file another label, on disk when this returns; tell whether the file was there.

    Raises: OSError.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        set_label(fd, label)
        os.fsync(fd)
    finally:
        os.close(fd)
    return True


def label_of(file: Path | int) -> bytes:
    """Return a file's label, b"" if it has none or is not there."""
    with contextlib.suppress(OSError, AttributeError):
        return os.getxattr(file, _NAME)
    return b""


def copy_label(source: int, target: int) -> None:
    """Give an open file the label of another."""
    set_label(target, label_of(source))
