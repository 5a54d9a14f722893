"""What a worker process takes from itself before it looks at the first picture.

Decoders are large, in C, and read what strangers sent. One that was taken over finds no file to
write, no socket to open, no program to start, nobody's memory to read.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys

from PIL import Image

from .. import memory
from .lifeline import prctl
from .limits import Limits

OUT_OF_TIME = signal.SIGPROF
"""The signal that ends a worker which takes too much processor time."""

_NICENESS = 10
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RETURN_EPERM = 0x0005_0001
_RETURN_ENOSYS = 0x0005_0026
_RETURN_ALLOW = 0x7FFF_0000
_RETURN_KILL = 0x8000_0000
_X32_BIT = 0x4000_0000
# Audit architecture and the numbers of: socket, socketpair, connect, bind, listen, accept, accept4,
# execve, execveat, fork, vfork, ptrace, process_vm_readv, process_vm_writev, open, openat,
# openat2, creat, unlink, unlinkat, rename, renameat, renameat2, link, linkat, mount, pidfd_open,
# pidfd_getfd, kill, tkill, bpf, userfaultfd, perf_event_open, io_uring_setup, keyctl,
# unshare, setns. Before them clone, which starts threads too; clone3 has one number everywhere.
_CLONE3 = 435
_CLONE_THREAD = 0x0001_0000
_FORBIDDEN = {
    "x86_64": (
        0xC000_003E,
        56,
        (41, 53, 42, 49, 50, 43, 288, 59, 322, 57, 58, 101, 310, 311, 2, 257, 437, 85, 87, 263,
         82, 264, 316, 86, 265, 165, 434, 438, 62, 200, 321, 323, 298, 425, 250, 272, 308),
    ),
    "aarch64": (
        0xC000_00B7,
        220,
        (198, 199, 203, 200, 201, 202, 242, 221, 281, 117, 270, 271, 56, 437, 35, 38, 276, 37, 40,
         434, 438, 129, 130, 280, 282, 241, 425, 219, 97, 268),
    ),
}  # fmt: skip


def enter(limits: Limits) -> None:
    """Give up what decoding does not need, for good. Whatever must be imported, is."""
    # Calls that answer at once come first: their slowest hundredth waits a third less for it.
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no working RLIMIT_AS
        resource.setrlimit(resource.RLIMIT_AS, (limits.worker_memory_bytes,) * 2)
    # Decoders print what they think of a file: strangers would write the service's log.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stderr.fileno())
    os.close(nowhere)
    # No descriptor beyond those that are open: no file, no socket, no pipe.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    _forbid_system_calls()


def limit_cpu(seconds: float) -> None:
    """Let this process take so much more processor time, then end it by OUT_OF_TIME; 0: no limit.

    A timer rather than RLIMIT_CPU, which counts full seconds.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)


def give_back_memory() -> None:
    """Return what freed pictures took: it is kept in pieces that the next large one cannot use.

    After an animation of 49 MP frames 710 MB stay without it, and 47 MB with it.
    """
    getattr(Image, "core").clear_cache()  # noqa: B009 - not in the types
    memory.give_back_freed()


def _forbid_system_calls() -> None:
    """Have Linux refuse what only an intruder would ask for; elsewhere the limits must do."""
    if sys.platform != "linux" or platform.machine() not in _FORBIDDEN or sys.maxsize < 2**32:
        return
    program = _program(*_FORBIDDEN[platform.machine()])
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, and where they are.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    filter_ = ctypes.create_string_buffer(header, len(header))
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filter_))


def _program(architecture: int, clone: int, forbidden: tuple[int, ...]) -> bytes:
    """Return a seccomp filter (classic BPF, see seccomp(2)): some calls fail with EPERM.

    A list of what is refused rather than of what is allowed: C libraries differ in the calls that
    memory and threads need, and a decoder that is killed for one would refuse good pictures.
    """
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    number, arch, first_argument = 0, 4, 16  # offsets in seccomp_data
    count = len(forbidden)
    steps = [
        (load, 0, 0, arch),
        (equal, 1, 0, architecture),
        (give, 0, 0, _RETURN_KILL),
        (load, 0, 0, number),
        (at_least, 0, 1, _X32_BIT),  # the same calls by other numbers
        (give, 0, 0, _RETURN_KILL),
        (equal, count + 4, 0, clone),
        (equal, count + 2, 0, _CLONE3),
        *((equal, count - index, 0, each) for index, each in enumerate(forbidden)),
        (give, 0, 0, _RETURN_ALLOW),
        (give, 0, 0, _RETURN_EPERM),
        (give, 0, 0, _RETURN_ENOSYS),  # its flags cannot be seen; glibc then uses clone
        (load, 0, 0, first_argument),
        (any_bit, 0, 1, _CLONE_THREAD),
        (give, 0, 0, _RETURN_ALLOW),
        (give, 0, 0, _RETURN_EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
