"""What must hold after a campaign; each function yields the broken promises, in words."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from image_service.client import ImageClient
from image_service.client.results import Image
from image_service.domain.events import EventType
from scripts.paths import CONFIG
from tests.component.events import Ear, once
from tests.e2e.hosts_rig import BUCKET_PREFIX, Host, Site

if TYPE_CHECKING:
    from tests.e2e.hosts_campaign import Campaign

AT_ONCE = 8
HTTP_TIMEOUT_S = 20.0
SPARE_S = 30.0
TOLD_WITHIN_S = 60.0
"""Twice as long as a turn to tell events lasts."""
DEFAULTS = {"LEASE_TTL_S": 60, "S3_TIMEOUT_S": 20, "SWEEP_INTERVAL_S": 60}
VERIFY_TIMEOUT_S = 600
LABELS = ".labels/"
"""Where what updates changed stands beside an original."""
SHOWN = 15


def broken_promises(
    campaign: Campaign, where: Site, heard: Ear, settings: Mapping[str, str]
) -> list[str]:
    """Look at everything the hosts show and keep. All hosts are ready."""
    calls = list(campaign.of("call"))
    with ImageClient(where.uri) as client:
        _wait_until_nothing_is_left(where, client, settings)
        images = list(client.iterate())
        found = [
            _only_retryable_errors(campaign),
            _nothing_wrong_was_seen(campaign),
            _uploads_are_there_once(calls, images),
            _removed_ones_are_gone(calls, images, where.hosts),
            _updates_were_kept(calls, images),
            _bytes_are_those_sent(images, where.hosts),
            _bucket_holds_just_these(where, images),
            _totals_are_the_sums(client, images),
            _verify_finds_nothing(where),
            _every_change_was_told(calls, images, heard),
        ]
        return [line for broken in found for line in _some(broken)]


def _some(broken: Iterator[str]) -> list[str]:
    lines = list(broken)
    more = [f"… and {len(lines) - SHOWN} more of these"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]


def _only_retryable_errors(campaign: Campaign) -> Iterator[str]:
    for line in campaign.told:
        if line["kind"] in ("broken", "skipped"):
            yield f"the load: {line}"
        elif not line.get("retryable", True) and not _is_asked_for(line):
            what = line.get("method") or line.get("what")
            yield f"{line['kind']} {what}: {line['code']}, not retryable: {line['message']}"


def _is_asked_for(line: Mapping[str, Any]) -> bool:
    """Tell whether the load itself brought an error about: it reads what others remove.

    What the call with all its attempts makes of it is looked at by itself.
    """
    return line["kind"] == "attempt" and line["code"] == "image_not_found"


def _nothing_wrong_was_seen(campaign: Campaign) -> Iterator[str]:
    for line in (*campaign.of("request"), *campaign.of("call")):
        if line.get("wrong"):
            yield f"{line['image_id']} at {line.get('host', 'any host')}: {line['wrong']}"
    for line in campaign.of("request"):
        if line["status"] not in (0, 200, 404, 503):
            yield f"{line['what']} at {line['host']}: status {line['status']} {line['code']}"


def _uploads_are_there_once(calls: list[dict[str, Any]], images: list[Image]) -> Iterator[str]:
    listed = Counter(image.id for image in images)
    removed = {
        call["image_id"] for call in calls if call["what"] == "delete" and "image_id" in call
    }
    uploads = [call for call in calls if call["what"] == "upload"]
    for call in uploads:
        if call["code"] != "ok":
            continue
        times = listed[call["image_id"]]
        if call["image_id"] not in removed and times != 1:
            yield f"{call['image_id']} was acknowledged, and is listed {times} times"
        if call["checksum"] != f"sha256:{Path(call['filename']).stem}":
            yield f"{call['image_id']}: its reply has another checksum than its bytes"
    acknowledged = {call["filename"]: call.get("image_id") for call in uploads}
    for filename, count in Counter(image.filename for image in images).items():
        if filename not in acknowledged:
            yield f"{filename} is listed, and nobody sent it"
        elif count > 1:
            yield f"{filename} was sent once, and is listed {count} times"
    for image in images:
        answered = acknowledged.get(image.filename)
        if answered and answered != image.id:
            yield f"{image.filename} was acknowledged as {answered}, and is listed as {image.id}"


def _removed_ones_are_gone(
    calls: list[dict[str, Any]], images: list[Image], hosts: Sequence[Host]
) -> Iterator[str]:
    listed = {image.id for image in images}
    gone = [
        call["image_id"]
        for call in calls
        if call["what"] == "delete" and _is_done(call) and "image_id" in call
    ]
    for image_id in gone:
        if image_id in listed:
            yield f"{image_id}: its removal was acknowledged, and it is listed"
    asked = [(host, image_id) for image_id in gone for host in hosts]
    for (host, image_id), answer in _fetched(asked):
        if answer != "status 404":
            yield f"{image_id} was removed, and host {host.name} answers {_shown(answer)}"


def _updates_were_kept(calls: list[dict[str, Any]], images: list[Image]) -> Iterator[str]:
    """The last one that was acknowledged, or a later one of which nobody knows."""
    sure: dict[str, int] = {}
    possible: dict[str, int] = {}
    for call in calls:
        if call["what"] == "update" and "image_id" in call:
            known = sure if call["code"] == "ok" else possible
            known[call["image_id"]] = max(known.get(call["image_id"], 0), call["tag"])
    for image in images:
        allowed = {str(sure.get(image.id, 0)), str(possible.get(image.id, sure.get(image.id, 0)))}
        if set(image.tags) - allowed or len(image.tags) != 1:
            yield f"{image.id} is tagged {image.tags}, its updates made it {sorted(allowed)}"


def _bytes_are_those_sent(images: list[Image], hosts: Sequence[Host]) -> Iterator[str]:
    asked = [(host, image.id) for host, image in zip(itertools.cycle(hosts), images)]
    for image, ((host, _), answer) in zip(images, _fetched(asked), strict=True):
        is_whole = isinstance(answer, bytes) and _name_of(answer) == Path(image.filename).stem
        if not is_whole:
            yield f"{image.id} at host {host.name}: {_shown(answer)}, not what was sent"


def _bucket_holds_just_these(where: Site, images: list[Image]) -> Iterator[str]:
    wanted, there = _keys(images), _keys_there(where)
    for key in sorted(there - wanted - {LABELS + key for key in wanted}):
        yield f"{key} is in the bucket, and the catalogue does not know it"
    for key in sorted(wanted - there):
        yield f"{key} is in the catalogue, and not in the bucket"


def _totals_are_the_sums(client: ImageClient, images: list[Image]) -> Iterator[str]:
    info = client.storage_info()
    for what, told, wanted in (
        ("total_files", info.total_files, len(images)),
        ("total_bytes", info.total_bytes, sum(image.size_bytes for image in images)),
        ("total of a page", client.page(1).total, len(images)),
    ):
        if told != wanted:
            yield f"{what} is {told}, the listed images make {wanted}"


def _verify_finds_nothing(where: Site) -> Iterator[str]:
    program = str(Path(sys.executable).with_name("image-service"))
    done = subprocess.run(
        [program, "verify", "--json", "--config", str(CONFIG)],
        env=dict(where.hosts[0].environment),
        capture_output=True,
        text=True,
        timeout=VERIFY_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        yield f"verify ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}"


def _every_change_was_told(
    calls: list[dict[str, Any]], images: list[Image], heard: Ear
) -> Iterator[str]:
    """At least once, in order for each image, and nothing else.

    What a host that is gone had the turn to tell is told when that has run out.
    """
    deadline_s = time.monotonic() + TOLD_WITHIN_S
    while (missing := list(_not_told(calls, told := _by_image(heard)))) and (
        time.monotonic() < deadline_s
    ):
        time.sleep(0.5)
    yield from missing
    listed = {image.id: image for image in images}
    for image_id, events in told.items():
        yield from _in_order(image_id, events, listed.get(image_id))


def _by_image(heard: Ear) -> dict[str, list[dict[str, Any]]]:
    told: dict[str, list[dict[str, Any]]] = {}
    for event in once(heard.listen()):
        told.setdefault(event["imageId"], []).append(event)
    return told


def _not_told(
    calls: list[dict[str, Any]], told: Mapping[str, list[dict[str, Any]]]
) -> Iterator[str]:
    kinds = {"upload": EventType.UPLOADED, "update": EventType.UPDATED, "delete": EventType.DELETED}
    for call in calls:
        if _is_done(call) and call["what"] in kinds and "image_id" in call:
            wanted = kinds[call["what"]].value
            events = told.get(call["image_id"], [])
            tag = [str(call["tag"])] if "tag" in call else None
            if not any(e["eventType"] == wanted and tag in (None, e["tags"]) for e in events):
                yield f"{call['image_id']}: nobody was told of its {call['what']} {tag or ''}"


def _in_order(image_id: str, events: list[dict[str, Any]], image: Image | None) -> Iterator[str]:
    kinds = [event["eventType"] for event in events]
    tags = [int(tag) for event in events for tag in event["tags"]]
    if kinds[0] != EventType.UPLOADED.value or kinds.count(kinds[0]) > 1 or tags != sorted(tags):
        yield f"{image_id}: told out of order: {kinds} {tags}"
    is_told_gone = kinds[-1] == EventType.DELETED.value
    if is_told_gone == (image is not None) or EventType.DELETED.value in kinds[:-1]:
        yield f"{image_id} is {'there' if image else 'gone'}, and was told: {kinds}"


def _is_done(call: Mapping[str, Any]) -> bool:
    return bool(call["code"] == "ok")


def _wait_until_nothing_is_left(
    where: Site, client: ImageClient, settings: Mapping[str, str]
) -> None:
    """Return when sweeps have cleared the bucket, or should have."""
    seconds = {
        name: float(settings.get(f"IMAGE_SERVICE_{name}", default))
        for name, default in DEFAULTS.items()
    }
    deadline_s = time.monotonic() + sum(seconds.values()) + seconds["SWEEP_INTERVAL_S"] + SPARE_S
    while time.monotonic() < deadline_s:
        if {key.removeprefix(LABELS) for key in _keys_there(where)} == _keys(
            list(client.iterate())
        ):
            return
        time.sleep(1)


def _keys(images: list[Image]) -> set[str]:
    return {f"{image.id}.jpg" for image in images}


def _keys_there(where: Site) -> set[str]:
    return {each.key for each in where.seaweed.bucket(BUCKET_PREFIX).listed()}


def _fetched(
    asked: Sequence[tuple[Host, str]],
) -> Iterator[tuple[tuple[Host, str], bytes | str]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from zip(asked, pool.map(lambda pair: _fetch(*pair), asked), strict=True)


def _fetch(host: Host, image_id: str) -> bytes | str:
    """Return an original as a host serves it, or what it answers instead."""
    try:
        url = f"{host.url}/images/{image_id}"
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as exc:
        return f"status {exc.code}"
    except (OSError, http.client.HTTPException) as exc:
        return type(exc).__name__


def _name_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shown(answer: bytes | str) -> str:
    return answer if isinstance(answer, str) else f"{len(answer)} bytes"
