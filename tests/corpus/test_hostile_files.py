"""Every hostile file, through a real pool of workers at the limits the service has by default.

-s shows those that cost most; -m soak tries all of them, not a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from image_service.domain.formats import Format
from image_service.imaging.engine import PooledEngine
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from image_service.testing import jpeg
from tests.corpus import png_files, webp_files
from tests.corpus.files import BY_KIND
from tests.corpus.hostile import HostileFile
from tests.corpus.known import KNOWN_DEFECTS
from tests.corpus.trial import Trial, try_out, worst

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")

MAX_SECONDS = 4
MAX_PEAK_MB = 900
WORKERS = 2


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """A pool of fresh workers, as the service starts them.

    But for their time by the clock, which is for machines in trouble and says nothing of a file:
    beside other tests 3 s of work have taken 10. Files are held to processor time.
    """
    pool = WorkerPool(
        Limits(), workers=WORKERS, max_waiting=8, timeout_s=60, jobs_before_restart=2000
    )
    pool.start()
    yield pool
    pool.stop()


@pytest.fixture(scope="module")
def trials() -> Iterator[list[Trial]]:
    """What all files cost; the worst are printed at the end."""
    collected: list[Trial] = []
    yield collected
    print(f"\n{len(collected)} hostile files\n{worst(collected)}")


def what_is_wrong(trial: Trial) -> str | None:
    """Return trial in words if it did what it may not and that is not known."""
    # Wall time alone would blame the file for a machine that is busy with other tests.
    is_slow = trial.seconds > MAX_SECONDS and not trial.cpu_seconds < MAX_SECONDS
    if trial.is_allowed and not is_slow and trial.peak_mb < MAX_PEAK_MB:
        return None
    return None if trial.file.name in KNOWN_DEFECTS else str(trial)


def tried(pool: WorkerPool, files: Iterator[HostileFile], trials: list[Trial]) -> list[str]:
    """Give all files to the pool; return what was wrong."""
    mine = [try_out(pool, file) for file in files]
    assert mine
    trials += mine
    return [wrong for trial in mine if (wrong := what_is_wrong(trial))]


def assert_is_whole(pool: WorkerPool) -> None:
    """Fail unless all workers live and look at an ordinary picture."""
    pool.check()
    pids = pool.pids()
    assert len(pids) == WORKERS
    assert all(psutil.Process(pid).is_running() for pid in pids)
    analyses = [PooledEngine(pool).analyse(jpeg((30, 20)), Format.JPEG) for _ in range(WORKERS)]
    assert [analysis.result().facts.width for analysis in analyses] == [30] * WORKERS


@pytest.mark.parametrize("kind", BY_KIND)
def test_hostile_files_end_as_told_in_time_and_memory(
    pool: WorkerPool, trials: list[Trial], kind: str
) -> None:
    chosen = (file for file in BY_KIND[kind]() if not file.soak)
    wrong = tried(pool, chosen, trials)
    assert not wrong, "\n".join(wrong)
    assert_is_whole(pool)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", BY_KIND)
def test_all_hostile_files_end_as_told_in_time_and_memory(
    pool: WorkerPool, trials: list[Trial], kind: str
) -> None:
    wrong = tried(pool, BY_KIND[kind](), trials)
    assert not wrong, "\n".join(wrong)
    assert_is_whole(pool)


BIG: dict[str, Callable[[], bytes]] = {
    "animation": lambda: png_files.animation(3, 7000),
    "still": lambda: webp_files.large(lossless=True),
}


@pytest.mark.soak
def test_a_worker_gives_back_what_large_pictures_took(pool: WorkerPool) -> None:
    engine = PooledEngine(pool)
    animation, still = BIG["animation"](), BIG["still"]()
    for _ in range(3):
        assert engine.analyse(animation, Format.PNG).result().facts.frames == 3
        assert engine.analyse(still, Format.WEBP).result().facts.width == 7000
    resident = [psutil.Process(pid).memory_info().rss >> 20 for pid in pool.pids()]
    assert max(resident) < 500
