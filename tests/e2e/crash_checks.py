"""What must hold after a crash campaign; each function returns the broken promises, in words."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eventlet

from tests.e2e.crash_caller import connected
from tests.e2e.crash_driver import Campaign
from tests.e2e.crash_ground import SWEEP_TIMEOUT_S, Ground
from tests.e2e.crash_observer import fetch
from tests.e2e.crash_pictures import checksum_in, is_whole, pictures
from tests.originals import Originals

PAGE = 90


def broken_promises(campaign: Campaign, uri: str, ground: Ground) -> list[str]:
    """Look at everything the service shows and keeps; return what is wrong, best first."""
    with connected(uri) as rpc:
        images = list(_listed(rpc))
        return [
            *_acknowledged_ones_are_there(campaign, images),
            *_each_upload_is_there_once(campaign, images),
            *_refused_ones_are_not_there(campaign, images),
            *_observed_ones_were_whole(campaign),
            *_listed_ones_are_whole(rpc, images),
            *_store_holds_just_these(ground.kept, images),
            *_nothing_is_in_doubt(ground),
            *_totals_are_the_sums(rpc, images),
        ]


def _listed(rpc: Any) -> Iterator[dict[str, Any]]:
    cursor = None
    while True:
        page = rpc.image_service.list_images(limit=PAGE, cursor=cursor)
        assert page["success"], f"list_images: {page['message']}"
        yield from page["images"]
        cursor = page["nextCursor"]
        if not cursor:
            return


def _acknowledged_ones_are_there(campaign: Campaign, images: list[dict[str, Any]]) -> Iterator[str]:
    ids = Counter(image["imageId"] for image in images)
    for outcome in campaign.outcomes:
        image_id = outcome.image_id
        if image_id is None:
            continue
        if outcome.is_deleted and ids[image_id]:
            yield f"{image_id} ({outcome.filename}) was deleted, and is listed"
        if outcome.deletion not in (None, "done", "unanswered"):
            yield f"{image_id} ({outcome.filename}) was not deleted: {outcome.deletion}"
        if outcome.deletion is None and ids[image_id] != 1:
            yield f"{image_id} ({outcome.filename}) was acknowledged, listed {ids[image_id]} times"
        assert outcome.reply is not None
        if outcome.reply["checksum"] != checksum_in(outcome.filename):
            yield f"{image_id} ({outcome.filename}): the reply's checksum is another than was sent"


def _each_upload_is_there_once(campaign: Campaign, images: list[dict[str, Any]]) -> Iterator[str]:
    """No duplicates from redelivery, none of them half there, and nothing that nobody sent."""
    sent = {outcome.filename for outcome in campaign.outcomes}
    for filename, count in Counter(image["filename"] for image in images).items():
        if filename not in sent:
            yield f"{filename} is listed, but nobody sent it"
        elif count > 1:
            ids = [image["imageId"] for image in images if image["filename"] == filename]
            yield f"{filename} was sent once and is listed {count} times: {', '.join(ids)}"


def _refused_ones_are_not_there(campaign: Campaign, images: list[dict[str, Any]]) -> Iterator[str]:
    listed = {image["filename"]: image["imageId"] for image in images}
    for outcome in campaign.outcomes:
        if outcome.refusal is not None and outcome.filename in listed:
            shown = listed[outcome.filename]
            yield f"{outcome.filename} was refused ({outcome.refusal}), yet {shown} shows it"


def _observed_ones_were_whole(campaign: Campaign) -> Iterator[str]:
    for look in campaign.observed:
        for complaint in look["wrong"]:
            yield f"while services died: {complaint}"


def _listed_ones_are_whole(rpc: Any, images: list[dict[str, Any]]) -> Iterator[str]:
    for image in images:
        name = f"{image['imageId']} ({image['filename']})"
        told = rpc.image_service.get_image(image["imageId"])
        if not told["success"]:
            yield f"{name} is listed, but get_image says: {told['message']}"
        elif told["metadata"]["checksum"] != checksum_in(image["filename"]):
            yield f"{name}: metadata.checksum is another than that of the bytes sent"
        data = fetch(image["url"])
        if not isinstance(data, bytes):
            yield f"{name} is listed, but GET {image['url']} gives {data or 'no answer'}"
        elif not is_whole(image["filename"], data):
            yield f"{name}: GET gives {len(data)} bytes, not those that were sent"


def _store_holds_just_these(kept: Originals, images: list[dict[str, Any]]) -> Iterator[str]:
    """Compare files with images; what dead processes left may take a moment to be cleared."""
    wanted = {i["imageId"] + Path(i["filename"]).suffix: i["filename"] for i in images}
    deadline = time.monotonic() + SWEEP_TIMEOUT_S
    while (files := kept.names()) != set(wanted) and time.monotonic() < deadline:
        time.sleep(0.2)
    for name in sorted(files - set(wanted)):
        yield f"orphan: {name} is in the store {SWEEP_TIMEOUT_S:.0f} s after the start, in no list"
    for name in sorted(set(wanted) - files):
        yield f"{name} is listed, but not in the store"
    for name in sorted(files & set(wanted)):
        if not is_whole(wanted[name], kept.read(name)):
            yield f"{name} holds other bytes than were sent"


def _nothing_is_in_doubt(ground: Ground) -> Iterator[str]:
    """No name waits for a sweep that never comes to it."""
    deadline = time.monotonic() + SWEEP_TIMEOUT_S
    while (names := ground.in_doubt()) and time.monotonic() < deadline:
        time.sleep(0.2)
    for name in sorted(names):
        yield f"{name} is still noted as provisional {SWEEP_TIMEOUT_S:.0f} s after the start"


def _totals_are_the_sums(rpc: Any, images: list[dict[str, Any]]) -> Iterator[str]:
    info = rpc.image_service.get_storage_info()
    formats = {
        name: {
            "files": sum(image["format"] == name for image in images),
            "bytes": sum(image["sizeBytes"] for image in images if image["format"] == name),
        }
        for name in {image["format"] for image in images}
    }
    told = {name: total for name, total in info["byFormat"].items() if total["files"]}
    total = rpc.image_service.list_images(limit=1)["total"]
    for what, found, wanted in (
        ("get_storage_info totalFiles", info["totalFiles"], len(images)),
        ("get_storage_info totalBytes", info["totalBytes"], sum(i["sizeBytes"] for i in images)),
        ("get_storage_info byFormat", told, formats),
        ("list_images total", total, len(images)),
    ):
        if found != wanted:
            yield f"{what} is {found}, the listed images make {wanted}"


def images_in(uri: str) -> int:
    """Return how many images there are, as the service tells."""
    with connected(uri) as rpc:
        return int(rpc.image_service.get_storage_info()["totalFiles"])


def uploads_at_once(uri: str, count: int) -> Counter[str]:
    """Upload so many at the same time; return how many were stored, and refused with which code."""

    def upload(number: int) -> str:
        filename, data = next(pictures(f"at once {number}"))
        with connected(uri) as rpc:
            reply = rpc.image_service.upload_image(data, filename)
        return "stored" if reply["success"] else str(reply["error"]["code"])

    uploads = [eventlet.spawn(upload, number) for number in range(count)]
    return Counter(each.wait() for each in uploads)
