"""Keeping what earlier runs removed out of the next one's figures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def keep_apart(folder: Path) -> None:
    """Have ext4 place each directory in folder in a part of the disk of its own.

    Looking for a free inode it goes past every one that was deleted in the last minutes: after a
    run that removed thousands of pictures this took 15 % of the service's time in the next one.
    On other file systems nothing happens.
    """
    if shutil.which("chattr"):
        subprocess.run(["chattr", "+T", str(folder)], check=False, stderr=subprocess.DEVNULL)
