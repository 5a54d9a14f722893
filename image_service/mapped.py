"""Files that are mapped into memory."""

from __future__ import annotations

import os
from pathlib import Path


def make_room(path: Path, size_bytes: int) -> None:
    """Have a file, new or not, be at least so large, its new part zeros that are on the disk.

    What only claims its size finds out that the disk is full when its memory is written to, and
    that ends the process (SIGBUS).

    Raises: OSError; the file is as it was then.
    """
    before_bytes = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab") as file:
            file.write(bytes(max(0, size_bytes - before_bytes)))
    except OSError:
        if before_bytes:
            os.truncate(path, before_bytes)
        else:
            path.unlink(missing_ok=True)
        raise
