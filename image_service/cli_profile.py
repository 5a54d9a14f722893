"""`image-service profile`: what a running service spends its processor time on."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from .cli_common import EXIT_FAILED, config_option, fail, told

_WRITING_S = 30
_POLL_S = 0.1


@click.command()
@config_option
@click.option("--seconds", type=click.FloatRange(0.1, 600), default=10.0, show_default=True)
@click.option("--pid", type=int, default=None, help="Of several processes, the one to look at.")
def profile(config_path: Path, seconds: float, pid: int | None) -> None:
    """Print what a running service spends its processor time on; keep it in state_dir/profiles."""
    import eventlet

    eventlet.monkey_patch()  # before anything else imports what it replaces
    with told():
        folder = _state_path(config_path)
        chosen = _chosen(_services(folder / "leases"), pid)
        profiles = folder / "profiles"
        before = set(profiles.glob(f"{chosen}-*.txt"))
        os.kill(chosen, signal.SIGUSR2)
        try:
            time.sleep(seconds)
        finally:
            os.kill(chosen, signal.SIGUSR2)
        click.echo(_awaited(profiles, chosen, before).read_text(encoding="utf-8"), nl=False)


def _state_path(config_path: Path) -> Path:
    from . import serve

    return serve.load(config_path)[1].state_path


def _services(leases: Path) -> list[int]:
    """Return the ids of this store's living processes that take the signal: others it would end."""
    from .storage import LeaseBook

    book = LeaseBook(leases)
    pids = {int(each.partition("-")[0]) for each in book.ids() if book.is_alive(each)}
    return sorted(pid for pid in pids if _takes_signal(pid))


def _takes_signal(pid: int) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGUSR2 - 1) & 1)


def _chosen(pids: list[int], pid: int | None) -> int:
    if pid is not None:
        if pid not in pids:
            fail(EXIT_FAILED, f"process {pid} does not serve this store on this machine")
        return pid
    if len(pids) != 1:
        found = ", ".join(map(str, pids))
        fail(
            EXIT_FAILED,
            f"choose one of the processes {found} with --pid"
            if pids
            else "no process serves this store here: run it where the service runs, as its user",
        )
    return pids[0]


def _awaited(folder: Path, pid: int, before: set[Path]) -> Path:
    deadline_s = time.monotonic() + _WRITING_S
    while not (found := set(folder.glob(f"{pid}-*.txt")) - before):
        if time.monotonic() > deadline_s:
            fail(EXIT_FAILED, "the service wrote no profile; its log tells why")
        time.sleep(_POLL_S)
    return found.pop()
