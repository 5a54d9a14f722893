"""Freed memory, as the kernel counts it in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from image_service import memory
if sys.argv[1] == "keep":
    memory.keep_freed()
held = [bytes(2_000_000) for _ in range(3)]
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
del held
before = faults()
for _ in range(50):
    held = [bytearray(b"x") * 2_000_000 for _ in range(3)]
    del held
print(faults() - before)
"""

RESIDENT = """
from image_service import memory
import psutil
memory.keep_freed()
held = [bytearray(b"x") * 2_000_000 for _ in range(20)]
del held
kept = psutil.Process().memory_info().rss
memory.give_back_freed()
print(kept - psutil.Process().memory_info().rss)
"""

ARENAS = """
import ctypes, sys, tempfile, threading
from image_service import memory
if sys.argv[1] == "keep":
    memory.keep_freed()
meet = threading.Barrier(12)
def hold():
    held = [ctypes.create_string_buffer(5_000) for _ in range(100)]
    meet.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(file.read().count(b"<heap nr"))
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")


def run(script: str, *arguments: str) -> int:
    command = [sys.executable, "-c", script, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_next_picture_has_the_last_ones_pages() -> None:
    assert run(FAULTS, "keep") < 5_000
    assert run(FAULTS, "as it is") > 30_000, "glibc keeps them by itself: this may go"


def test_what_is_kept_can_be_given_back() -> None:
    assert run(RESIDENT) > 30_000_000


def test_threads_share_two_arenas() -> None:
    assert run(ARENAS, "keep") <= 2
    assert run(ARENAS, "as it is") > 4, "glibc shares them by itself: this may go"
