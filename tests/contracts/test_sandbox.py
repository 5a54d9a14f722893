"""What a worker can no longer do once it has entered its sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from image_service.domain.formats import Format
from image_service.errors import CorruptImage
from image_service.imaging.engine import PooledEngine
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from tests.corpus import bombs

REPOSITORY = Path(__file__).resolve().parents[2]
INSIDE = """
import json, os, socket, threading
from image_service.imaging import sandbox
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits

limits = Limits(worker_memory_bytes=1 << 30)
set_up(limits)
sandbox.enter(limits)

def outcome(work):
    try:
        work()
    except MemoryError:
        return "no memory"
    except OSError as exc:
        return exc.errno
    return "done"

print(json.dumps({
    "read": outcome(lambda: open("/etc/passwd")),
    "write": outcome(lambda: os.open("/tmp/x", os.O_CREAT | os.O_WRONLY)),
    "socket": outcome(lambda: socket.socket()),
    "fork": outcome(lambda: os.fork() or os._exit(0)),
    "exec": outcome(lambda: os.execv("/bin/true", ["true"])),
    "kill": outcome(lambda: os.kill(os.getppid(), 0)),
    "thread": outcome(lambda: threading.Thread(target=int).start()),
    "unlink": outcome(lambda: os.unlink("/nowhere")),
    "memory": outcome(lambda: bytearray(2 << 30)),
}))
"""
EPERM, EMFILE = 1, 24


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_nothing_of_the_machine_can_be_reached() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INSIDE],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("memory") == "no memory"
    assert found.pop("thread") == "done", "decoders may use threads"
    assert set(found.values()) <= {EPERM, EMFILE}, found


def test_a_picture_that_takes_too_much_processor_time_is_refused_in_time() -> None:
    limits = Limits(worker_cpu_s=0.01, max_frames_pixels=10**12, max_frames=10**6)
    pool = WorkerPool(limits, workers=1, max_waiting=1, timeout_s=60, jobs_before_restart=100)
    pool.start()
    try:
        picture = bombs.gif_with_frames(1000, 4096)
        started = time.monotonic()
        with pytest.raises(CorruptImage, match=r"0\.01 s of a processor"):
            PooledEngine(pool).analyse(picture, Format.GIF).result()
        assert time.monotonic() - started < 10
    finally:
        pool.stop()
