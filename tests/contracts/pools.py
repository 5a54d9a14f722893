"""Worker pools, as tests look at them."""

from __future__ import annotations

import psutil

from image_service.imaging.pool import WorkerPool


def is_whole(pool: WorkerPool, workers: int) -> bool:
    """Tell whether every worker is back and alive."""
    return pool._idle.qsize() == workers == len(pool.pids()) and all(
        map(psutil.pid_exists, pool.pids())
    )
