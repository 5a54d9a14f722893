"""A search index's story: whatever dies, it learns of every change, and of nothing else."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eventlet

from scripts.broker import Broker
from tests.component.events import ear, once
from tests.component.harness import delete_queues, wait_until
from tests.component.pictures import picture
from tests.e2e.processes import Site

SHARED = {"IMAGE_SERVICE_HTTP_SHARE_PORT": "true", "IMAGE_SERVICE_EVENTS_POLL_S": "0.2"}
DATA = picture("png")
Told = dict[str, list[dict[str, Any]]]


class Writers:
    """Callers that upload, change and delete until they are stopped; what was answered is kept."""

    def __init__(self, site: Site, count: int) -> None:
        self.site = site
        self.answered: list[tuple[str, str]] = []
        self._is_done = False
        self._threads = [eventlet.spawn(self._write, number) for number in range(count)]

    def stop(self) -> None:
        self._is_done = True
        for thread in self._threads:
            thread.wait()

    def _write(self, number: int) -> None:
        turn = 0
        with self.site.rpc(timeout=60) as rpc:
            while not self._is_done:
                turn += 1
                reply = rpc.upload_image(DATA, f"{number}-{turn}.png", tags=["0"])
                assert reply["success"], reply
                self.answered.append((image_id := reply["imageId"], "image_uploaded"))
                for tag in ("1", "2"):
                    if rpc.update_image(image_id, tags=[tag])["success"]:
                        self.answered.append((image_id, "image_updated"))
                if turn % 2:
                    rpc.delete_image(image_id)
                    self.answered.append((image_id, "image_deleted"))


@contextlib.contextmanager
def processes(site: Site, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Several processes on one store; in the end they are gone."""
    delete_queues(site.uri)  # an earlier test's processes may have left calls
    running = [site.start(**SHARED) for _ in range(count)]
    try:
        site.wait_until_ready(running[0])
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


def by_image(payloads: list[dict[str, Any]]) -> Told:
    told: Told = {}
    for event in once(payloads):
        told.setdefault(event["imageId"], []).append(event)
    return told


def check(told: Told, answered: list[tuple[str, str]], living: dict[str, dict[str, Any]]) -> None:
    """Every change that was made was told, in order, and no other."""
    for image_id, kind in answered:
        assert kind in [event["eventType"] for event in told[image_id]]
    assert set(living) <= set(told)
    for image_id, events in told.items():
        kinds = [event["eventType"] for event in events]
        assert kinds[0] == "image_uploaded"
        tags = [event["tags"] for event in events]
        assert tags == sorted(tags), "out of order"
        if image_id in living:
            assert "image_deleted" not in kinds
            assert events[-1]["tags"] == living[image_id]["tags"]
        else:
            assert kinds[-1] == "image_deleted"
        updates = [event for event in events if event["eventType"] == "image_updated"]
        assert kinds.count("image_uploaded") == 1
        assert len(updates) == len({event["tags"][0] for event in updates})


def living(site: Site) -> dict[str, dict[str, Any]]:
    with site.rpc() as rpc:
        return {image["imageId"]: image for image in rpc.list_images()["images"]}


def all_is_told(site: Site) -> bool:
    """Tell whether the outbox is empty: what was in it is in the queues then."""
    file = site.uploads / ".state" / "catalogue.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as catalogue:
        return catalogue.execute("SELECT count(*) FROM outbox").fetchone() == (0,)


def test_processes_killed_at_random_moments_lose_no_event(tmp_path: Path, broker_uri: str) -> None:
    site, moments = Site(tmp_path / "site", broker_uri), random.Random(11)
    with ear(broker_uri) as heard, processes(site, 2) as running:
        writers = Writers(site, 4)
        for _ in range(8):
            eventlet.sleep(moments.uniform(0.2, 2.0))
            place = moments.randrange(2)
            running[place].kill()
            running[place].wait()
            running[place] = site.start(**SHARED)
        site.wait_until_ready(running[0])
        wait_until(lambda: len(writers.answered) > 40, 60)
        writers.stop()
        wait_until(lambda: all_is_told(site), 30)
        found = living(site)
        told = by_image(heard.listen())
    check(told, writers.answered, found)


def test_a_broker_that_dies_among_changes_loses_no_event(tmp_path: Path, broker: Broker) -> None:
    site = Site(tmp_path / "site", broker.uri)
    with ear(broker.uri) as heard, site.running(**SHARED) as process:
        with site.rpc() as rpc:
            image_ids = [rpc.upload_image(DATA, "a.png", tags=["0"])["imageId"] for _ in range(5)]
        for tag in ("1", "2"):
            broker.kill()
            for image_id in image_ids:
                patch(site, image_id, tag)
            broker.start()
            heard.hear(5 + 5 * int(tag), 60)
        assert process.poll() is None
    told = by_image(heard.payloads)
    assert set(told) == set(image_ids)
    for events in told.values():
        assert [event["tags"] for event in events] == [["0"], ["1"], ["2"]]


def patch(site: Site, image_id: str, tag: str) -> None:
    request = urllib.request.Request(
        f"{site.base_url}/api/images/{image_id}",
        json.dumps({"tags": [tag]}).encode(),
        {"Content-Type": "application/json"},
        method="PATCH",
    )
    urllib.request.urlopen(request, timeout=10).read()


def test_another_process_goes_on_where_one_was_killed(tmp_path: Path, broker_uri: str) -> None:
    site = Site(tmp_path / "site", broker_uri)
    with ear(broker_uri) as heard, processes(site, 2) as running, site.rpc() as rpc:
        for turn, process in enumerate(list(running)):
            begun_s = time.monotonic()
            image_id = rpc.upload_image(DATA, f"{turn}.png")["imageId"]
            told = [(e["eventType"], e["imageId"]) for e in heard.hear(turn + 1)]
            assert told[turn:] == [("image_uploaded", image_id)]
            assert time.monotonic() - begun_s < 10
            process.kill()
            process.wait()
            running[running.index(process)] = site.start(**SHARED)
