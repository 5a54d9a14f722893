"""The image workers: real processes, held to their limits, replaced when they die."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from image_service import native
from image_service.domain.formats import Format, sniff
from image_service.errors import (
    Busy,
    CorruptImage,
    ImageServiceError,
    MetadataTooLarge,
    StorageUnavailable,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
)
from image_service.imaging import pool as pool_module
from image_service.imaging.engine import PooledEngine
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from image_service.imaging.watch import Unwatched
from image_service.native import threading
from image_service.testing import jpeg, make
from tests.contracts.pools import is_whole
from tests.corpus import bombs, webp_files

REPOSITORY = Path(__file__).resolve().parents[2]
needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")


@pytest.fixture
def start() -> Iterator[Callable[..., WorkerPool]]:
    started: list[WorkerPool] = []

    def make_pool(**options: Any) -> WorkerPool:
        defaults = {"workers": 1, "max_waiting": 8, "timeout_s": 10.0, "jobs_before_restart": 1000}
        pool = WorkerPool(Limits(), **{**defaults, **options})
        started.append(pool)
        pool.start()
        return pool

    yield make_pool
    for pool in started:
        for pid in pool.pids():
            os.kill(pid, signal.SIGCONT)
        pool.stop()


def stopped(pool: WorkerPool) -> int:
    """Let the pool's one worker fall asleep, once it is ready; return its process id."""
    PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    (pid,) = pool.pids()
    os.kill(pid, signal.SIGSTOP)
    return pid


def give(pool: WorkerPool, timeout_s: float) -> None:
    """Let jobs take so long from here on."""
    pool.timeout_s = timeout_s
    for worker in pool._all:
        worker._timeout_s = timeout_s
        worker._wait_at_most(timeout_s)


@pytest.mark.parametrize("format_", Format)
def test_every_format_is_looked_at(shared: WorkerPool, format_: Format) -> None:
    facts = PooledEngine(shared).analyse(make(format_, (20, 10)), format_).result().facts
    assert (facts.format, facts.width, facts.height) == (format_, 20, 10)


BOMBS: dict[str, tuple[bytes, type[ImageServiceError]]] = {
    "JPEG of 882 scans": (bombs.jpeg_with_scans(882), TooManyScans),
    "AVIF of 144 MP": (bombs.avif_of(12_000, 12_000), TooManyPixels),
    "WebP of 178 MP": (bombs.webp_of(16_383, 10_900), TooManyPixels),
    "GIF of 10,000 frames": (bombs.gif_with_frames(10_000, 4096), TooManyFrames),
    "APNG of 2,000 frames": (bombs.apng_with_frames(2000, 2000), TooManyFrames),
    "APNG of a billion frames": (bombs.apng_with_frames(2**30, 1), TooManyFrames),
    "TIFF of 50,000 pages": (bombs.tiff_with_pages(50_000), TooManyFrames),
    "PNG of 2**31 px a side": (bombs.png_of(2**31 - 1, 2**31 - 1), TooManyPixels),
    "PNG with 200 MB of text": (bombs.png_with_text(200), MetadataTooLarge),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_quickly_and_costs_no_worker(shared: WorkerPool, name: str) -> None:
    data, error = BOMBS[name]
    format_ = sniff(data)
    assert format_
    pids = sorted(shared.pids())
    here = psutil.Process()
    before, started = here.memory_info().rss, time.monotonic()
    with pytest.raises(error):
        PooledEngine(shared).analyse(data, format_).result()
    assert time.monotonic() - started < 3
    assert here.memory_info().rss - before < 64 << 20
    assert sorted(shared.pids()) == pids
    assert is_whole(shared, 2)


class Replacements(Unwatched):
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def replaced(self, reason: str) -> None:
        self.reasons.append(reason)


@needs_proc
@pytest.mark.parametrize(("before", "tries"), [((30, 20), 1), ((3000, 2000), 2)])
def test_too_much_memory_is_tried_again_only_where_a_fresh_worker_has_more(
    start: Callable[..., WorkerPool], before: tuple[int, int], tries: int
) -> None:
    watch = Replacements()
    pool = start(watch=watch)
    bomb = webp_files.full_frames(5, 16, canvas=7071, flags=1)
    for _ in range(3):
        assert PooledEngine(pool).analyse(jpeg(before), Format.JPEG).result()
    with pytest.raises(CorruptImage, match="more memory than allowed"):
        PooledEngine(pool).analyse(bomb, Format.WEBP).result()
    assert watch.reasons == ["out_of_memory"] * (tries - 1)
    with pytest.raises(CorruptImage, match="more memory than allowed"):
        PooledEngine(pool).analyse(bomb, Format.WEBP).result()
    assert watch.reasons == ["out_of_memory"] * (tries - 1), "what bombs took was given back"
    assert is_whole(pool, 1)


def test_a_worker_killed_at_work_costs_its_job_nothing(start: Callable[..., WorkerPool]) -> None:
    said: list[str] = []
    pool = start(report=said.append)
    pid = stopped(pool)
    analysis = PooledEngine(pool).analyse(jpeg((30, 20)), Format.JPEG)
    os.kill(pid, signal.SIGKILL)
    assert analysis.result().facts.width == 30
    assert said == [f"image worker {pid} died at work and was replaced"]
    assert pid not in pool.pids()
    assert is_whole(pool, 1)


def test_a_worker_killed_while_idle_costs_the_next_job_nothing(
    start: Callable[..., WorkerPool],
) -> None:
    pool = start()
    for _ in range(2):
        pid = stopped(pool)
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert is_whole(pool, 1)


def test_a_job_that_kills_two_workers_is_a_corrupt_image(start: Callable[..., WorkerPool]) -> None:
    pool = start()
    before = pool.pids()
    with pytest.raises(CorruptImage):
        pool.submit({"do": "something that no worker knows and dies of"}, b"").result()
    assert before != pool.pids()
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert is_whole(pool, 1)


def test_workers_killed_from_outside_say_nothing_against_the_picture(
    start: Callable[..., WorkerPool],
) -> None:
    pool = start(workers=2)
    both = [PooledEngine(pool).analyse(jpeg(), Format.JPEG) for _ in range(2)]
    assert all(analysis.result() for analysis in both), "they are loaded"
    for pid in pool.pids():
        os.kill(pid, signal.SIGSTOP)
    analysis = PooledEngine(pool).analyse(jpeg(), Format.JPEG)
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)
    give(pool, 10)
    with pytest.raises(Busy, match="outside"):
        _killing_every_worker(pool, analysis)
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()


def _killing_every_worker(pool: WorkerPool, analysis: Any) -> None:
    """Ask for the result while whatever takes the job on is killed at once."""
    spawn = pool._spawn

    def spawn_and_kill() -> None:
        spawn()
        for pid in pool.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pool, "_spawn", spawn_and_kill)
        analysis.result()


def test_a_machine_that_stalls_says_nothing_against_the_picture(
    start: Callable[..., WorkerPool],
) -> None:
    pool = start()
    pid = stopped(pool)
    give(pool, 0.5)
    started = time.monotonic()
    with pytest.raises(Busy) as raised:
        PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert 0.3 < time.monotonic() - started < 2
    assert "0.5 s" in str(raised.value)
    assert pid not in pool.pids()
    assert not psutil.pid_exists(pid)
    give(pool, 10)
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()


def test_a_full_queue_is_busy_at_once(start: Callable[..., WorkerPool]) -> None:
    pool = start(max_waiting=1)
    pid = stopped(pool)
    engine = PooledEngine(pool)
    widths: list[int] = []

    def look() -> None:
        widths.append(engine.analyse(jpeg((30, 20)), Format.JPEG).result().facts.width)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    started = time.monotonic()
    with pytest.raises(Busy):
        engine.analyse(jpeg(), Format.JPEG)
    assert time.monotonic() - started < 0.1
    os.kill(pid, signal.SIGCONT)
    for thread in threads:
        thread.join()
    assert widths == [30, 30], "those that waited had their turn"


def test_nobody_waits_for_a_worker_for_ever(start: Callable[..., WorkerPool]) -> None:
    pool = start()
    stopped(pool)
    engine = PooledEngine(pool)
    engine.analyse(jpeg(), Format.JPEG)
    pool.timeout_s = 0.1
    waiting = engine.analyse(jpeg(), Format.JPEG)
    with pytest.raises(Busy):
        waiting.result()


def test_those_who_wait_are_told_when_the_pool_stops(start: Callable[..., WorkerPool]) -> None:
    pool = start()
    stopped(pool)
    engine = PooledEngine(pool)
    at_work, waiting = (engine.analyse(jpeg(), Format.JPEG) for _ in range(2))
    errors: list[BaseException] = []

    def wait(analysis: Any) -> None:
        try:
            analysis.result()
        except Busy as exc:
            errors.append(exc)

    threads = [threading.Thread(target=wait, args=(each,)) for each in (at_work, waiting)]
    for thread in threads:
        thread.start()
    native.time.sleep(0.2)
    pool.stop()
    for thread in threads:
        thread.join(2)
    assert len(errors) == 2, "one waits although there will be no worker any more"
    with pytest.raises(Busy):
        engine.analyse(jpeg(), Format.JPEG).result()


def test_a_pool_that_stopped_starts_no_worker(start: Callable[..., WorkerPool]) -> None:
    pool = start(workers=2)
    replacing = threading.Thread(target=lambda: [pool.replace(each) for each in list(pool._all)])
    replacing.start()
    pool.stop()
    replacing.join()
    assert pool.pids() == []


def test_a_worker_that_could_not_be_started_is_started_later(
    start: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    pool = start(report=said.append)
    worker = pool.acquire()
    with monkeypatch.context() as patched:

        def fail(*args: Any, **kwargs: Any) -> None:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

        patched.setattr(pool_module.subprocess, "Popen", fail)
        pool.replace(worker)
        assert pool.pids() == []
        assert "cannot be started: Resource temporarily unavailable" in said[0]
        with pytest.raises(StorageUnavailable):
            pool.check()
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert is_whole(pool, 1)


@pytest.mark.parametrize("nonsense", [ValueError("frame too large"), KeyboardInterrupt()], ids=repr)
def test_an_answer_that_cannot_be_read_leaks_no_worker(
    start: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch, nonsense: BaseException
) -> None:
    pool = start()
    with monkeypatch.context() as patched:

        def receive(*args: Any, **kwargs: Any) -> Any:
            raise nonsense

        patched.setattr(pool_module.protocol, "receive", receive)
        with pytest.raises((CorruptImage, KeyboardInterrupt)):
            PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
    assert is_whole(pool, 1)


def test_a_worker_is_replaced_after_its_jobs(start: Callable[..., WorkerPool]) -> None:
    pool = start(jobs_before_restart=2)
    seen = []
    for _ in range(5):
        PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
        seen.append(pool.pids()[0])
    assert len(set(seen)) == 3


def test_the_pool_says_when_no_worker_lives(start: Callable[..., WorkerPool]) -> None:
    pool = start(workers=2)
    pool.check()
    processes = [psutil.Process(pid) for pid in pool.pids()]
    pool.stop()
    assert not any(process.is_running() for process in processes)
    with pytest.raises(StorageUnavailable):
        pool.check()


@needs_proc
def test_a_worker_knows_no_secrets_and_holds_no_files_of_the_service(
    start: Callable[..., WorkerPool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AMQP_URI", "pyamqp://user:secret@host")
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        pool = start()
        PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
        proc = Path(f"/proc/{pool.pids()[0]}")
        names = {each.partition(b"=")[0] for each in (proc / "environ").read_bytes().split(b"\0")}
        tuning = {b"OPENBLAS_NUM_THREADS", b"PILLOW_BLOCKS_MAX", b"VIPS_CONCURRENCY"}
        assert names - {b""} == {b"LC_ALL", *tuning}
        assert b"secret" not in (proc / "cmdline").read_bytes()
        assert {int(fd.name) for fd in (proc / "fd").iterdir()} <= {0, 1, 2}
        limits = (proc / "limits").read_text()
        assert str(Limits().worker_memory_bytes) in limits
        assert re.search(r"Max open files +0 ", limits), "it can open nothing more"
        status = (proc / "status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status, "a filter is in force"
        assert (proc / "cwd").readlink() == Path("/")


STARTER = """
import sys, time
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from image_service.imaging.engine import PooledEngine
from image_service.domain.formats import Format
from image_service.testing import jpeg
pool = WorkerPool(Limits(), workers=2, max_waiting=1, timeout_s=10, jobs_before_restart=100)
pool.start()
for _ in range(4):
    PooledEngine(pool).analyse(jpeg(), Format.JPEG).result()
print(*pool.pids(), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("is_green", [False, True], ids=["plain", "green"])
def test_workers_end_with_a_service_that_was_killed(is_green: bool) -> None:
    patch = "import eventlet; eventlet.monkey_patch()\n" if is_green else ""
    command = [sys.executable, "-W", "ignore", "-c", patch + STARTER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as service:
        assert service.stdout
        workers = [psutil.Process(int(pid)) for pid in service.stdout.readline().split()]
        assert len(workers) == 2
        if sys.platform == "linux":  # asleep, as deep in a decoder: it sees no socket close
            workers[0].suspend()
        service.kill()
    deadline = time.monotonic() + 5
    while any(map(lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [worker for worker in workers if lives(worker)]
    for worker in left:
        worker.kill()
    assert left == []


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
