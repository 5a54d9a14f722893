"""A store's catalogue moves to PostgreSQL under load, as its operator does it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.postgres import Server
from tests.component.harness import delete_queues
from tests.component.pictures import noise
from tests.contracts.adapters import PostgresCatalogues
from tests.e2e.processes import SERVE, Site, stop
from tests.e2e.several import Load, listed, services, two, until


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "a site", broker_uri)


def command(site: Site, name: str, *options: str) -> tuple[int, Any, str]:
    """Run a command; return its exit code, what it printed as JSON, and what else."""
    ended = subprocess.run(
        [*SERVE[:3], name, "--config", str(site.config), *options],
        env=site.environment,
        cwd=site.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return ended.returncode, json.loads(ended.stdout or "null"), ended.stderr


def migrate(site: Site) -> tuple[int, Any, str]:
    return command(site, "migrate", "--json")


def renew(site: Site, pid: int, *, config: str) -> None:
    """Give the service a new configuration, process by process."""
    site.config.write_text(config)
    before = services(pid)
    os.kill(pid, signal.SIGHUP)
    until(lambda: len(services(pid)) == 2 and not set(before) & set(services(pid)), timeout_s=60)
    until(lambda: site.status("/readyz") == 200)


class Moving:
    """A site whose catalogue moves, step by step, while its service goes on."""

    def __init__(self, site: Site, postgres: PostgresCatalogues, pid: int) -> None:
        self.site, self.pid = site, pid
        self.there = f"{site.config.read_text()}\ncatalogue_url: {postgres.url}\n"

    def begin(self) -> None:
        renew(self.site, self.pid, config=f"{self.there}catalogue_moving: true\n")

    def migrate(self) -> dict[str, Any]:
        code, told, said = migrate(self.site)
        assert code == 0, said
        moved: dict[str, Any] = told["catalogue"]
        return moved

    def end(self) -> None:
        renew(self.site, self.pid, config=self.there)

    def check(self, load: Load, *more: str) -> None:
        """See that nobody was refused, and that there is what was acknowledged and no more."""
        assert load.failures == []
        assert load.cut == []
        expected = {reply["imageId"] for reply in load.replies} | {*more}
        with self.site.rpc() as rpc:
            assert listed(rpc) == expected
            assert rpc.get_storage_info()["totalFiles"] == len(expected)


@pytest.mark.timeout(300)
def test_a_catalogue_moves_under_load_and_nobody_notices(
    site: Site, postgres_server: Server
) -> None:
    postgres = PostgresCatalogues(postgres_server, is_empty=True)
    with two(site) as process, site.rpc() as rpc:
        moving = Moving(site, postgres, process.pid)
        with Load(site, 2, 2, pause_s=0.1) as load:
            kept = rpc.upload_image(noise(50), "kept.png", idempotency_key="one")
            removed = rpc.upload_image(noise(50), "removed.png")["imageId"]
            moving.begin()
            rpc.delete_image(removed)
            told = moving.migrate()
            load.goes_on()
            moving.end()
            load.goes_on()
        moving.check(load, kept["imageId"])
        assert 20 < told["images"] <= len(load.replies) + 2
        assert told["writersWaitedS"] < 5
        assert stop(process) == 0
    postgres.stop()


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_thousand_images_move_under_load_though_the_move_is_killed(
    site: Site, postgres_server: Server
) -> None:
    postgres = PostgresCatalogues(postgres_server, is_empty=True)
    with two(site) as process:
        moving = Moving(site, postgres, process.pid)
        with Load(site, 8, 1) as before:
            until(lambda: len(before.replies) >= 10_000, timeout_s=900)
        stored = {reply["imageId"] for reply in before.replies}
        site.config.write_text(f"{moving.there}catalogue_moving: true\n")
        code, _, said = migrate(site)
        assert code == 1
        assert "runs without catalogue_moving: renew it" in said
        load = Load(site, 2, 4)
        load.stored = sorted(stored)
        with load:
            moving.begin()
            for seconds in (2.0, 4.0, 6.0):
                _interrupted(site, seconds)
                load.goes_on()
            told = moving.migrate()
            load.goes_on()
            assert migrate(site)[:2] == (0, {"catalogue": None, "originals": None})
            moving.end()
            load.goes_on()
        moving.check(load, *stored)
        print(f"\n{told}, {len(load.replies)} uploads and {len(load.answers)} reads meanwhile")
        assert told["images"] >= 10_000
        assert stop(process) == 0
    code, found, said = command(site, "verify", "--json")
    assert (code, found["isClean"]) == (0, True), said
    site.config.write_text(moving.there.partition("catalogue_url")[0])
    code, lines, _ = site.failed_start()  # the way back is not by accident
    assert code == 1
    assert "its catalogue has moved to PostgreSQL: set catalogue_url" in " ".join(lines)
    postgres.stop()


def _interrupted(site: Site, seconds: float) -> None:
    """Kill a move in the middle."""
    process = subprocess.Popen(
        [*SERVE[:3], "migrate", "--config", str(site.config)],
        env=site.environment,
        cwd=site.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)
    process.kill()
    process.wait()
