"""GET and HEAD of variants: pictures, headers, signatures, and many who ask at once."""

from __future__ import annotations

import io
from typing import Any

import eventlet
import numpy as np
import pytest
from PIL import Image

from tests.component.harness import Service, wait_until
from tests.component.pictures import noise
from tests.component.variants import Renders, asking, opened, path, problem

UNKNOWN_ID = "img_1700000000000_0123456789abcdef"


@pytest.fixture(scope="module")
def photo(service: Service) -> str:
    image_id: str = service.upload(noise(300, "png"), "holiday.png")["imageId"]
    return image_id


def test_a_variant_has_the_size_and_format_that_its_url_says(service: Service, photo: str) -> None:
    answer, body = service.get(path(photo, "rs:fill:120:80/q:60", "@webp"))
    assert answer.status == 200
    shown = opened(body)
    assert (shown.format, shown.size) == ("WEBP", (120, 80))
    headers = {name.title(): value for name, value in answer.headers.items()}
    del headers["Date"], headers["Last-Modified"], headers["Etag"], headers["X-Request-Id"]
    assert headers == {
        "Content-Type": "image/webp",
        "Content-Length": str(len(body)),
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline; filename=\"holiday.webp\"; filename*=UTF-8''holiday.webp",
    }


def test_the_same_url_gives_the_same_bytes_from_the_cache(service: Service, photo: str) -> None:
    first, body = service.get(path(photo, "w:90", "@jpg"))
    second, again = service.get(path(photo, "w:90", "@jpg"))
    assert body == again
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.headers["Last-Modified"] == second.headers["Last-Modified"]
    unchanged, nothing = service.get(
        path(photo, "w:90", "@jpg"), {"If-None-Match": first.headers["ETag"]}
    )
    assert (unchanged.status, nothing) == (304, b"")
    part, some = service.get(path(photo, "w:90", "@jpg"), {"Range": "bytes=2-9"})
    assert (part.status, some) == (206, body[2:10])
    head, none = service.get(path(photo, "w:90", "@jpg"), method="HEAD")
    assert (head.status, head.headers["Content-Length"], none) == (200, str(len(body)), b"")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/avif,image/webp,image/apng,*/*;q=0.8", "image/avif"),
        ("image/webp,*/*", "image/webp"),
        ("image/avif;q=0,image/webp", "image/webp"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        (None, "image/png"),
    ],
)
def test_the_format_is_what_the_client_takes(
    service: Service, photo: str, accept: str | None, expected: str
) -> None:
    answer, body = service.get(path(photo, "w:40"), {"Accept": accept} if accept else None)
    assert (answer.headers["Content-Type"], answer.headers["Vary"]) == (expected, "Accept")
    assert opened(body).size == (40, 40)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("w:x", ["width", "0 to 16384", "'x'"]),
        ("rs:fill:99999:1", ["resize", "0 to 16384"]),
        ("q:101", ["quality", "0 to 100"]),
        ("nope:1", ["nope", "no such option"]),
        ("rot:45", ["rotate", "multiple of 90"]),
        ("pr:none", ["preset", "none named"]),
    ],
)
def test_a_bad_option_is_named_with_its_range(
    service: Service, photo: str, options: str, words: list[str]
) -> None:
    status, code, detail = problem(*service.get(path(photo, options)))
    assert (status, code) == (400, "invalid_argument")
    assert all(word in detail for word in words), detail


def test_what_is_not_there_is_not_found(service: Service, photo: str) -> None:
    assert problem(*service.get(path(UNKNOWN_ID, "w:10")))[:2] == (404, "image_not_found")
    assert problem(*service.get(path("holiday.png", "w:10")))[:2] == (404, "invalid_image_id")
    wrong = photo + ".jpg"
    assert problem(*service.get(path(wrong, "w:10")))[:2] == (404, "image_not_found")
    assert service.get(path(photo + ".png", "w:10"))[0].status == 200


@pytest.mark.parametrize(
    "source", ["http://example.com/a.png", "s3://bucket/a", "local:///etc/passwd"]
)
def test_no_other_source_is_served(service: Service, source: str) -> None:
    status, code, _ = problem(*service.get(path(source, "w:10")))
    assert (status, code) in [(400, "invalid_argument"), (404, "invalid_image_id")]


def test_raw_and_skipped_formats_are_the_original(service: Service, photo: str) -> None:
    _, original = service.get(f"/images/{photo}")
    for options in ("raw:1/w:10", "w:10/skp:png"):
        answer, body = service.get(path(photo, options + "/fn:other.png/att:1"))
        assert (answer.status, body) == (200, original)
        assert 'attachment; filename="other.png"' in answer.headers["Content-Disposition"]
    assert service.get(path(photo, "w:10/skp:png", "@webp"))[1] != original


def test_an_animation_stays_one(service: Service) -> None:
    frames = [Image.new("RGB", (60, 40), (i * 60, 0, 0)) for i in range(4)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:], duration=70, loop=0)
    image_id = service.upload(target.getvalue(), "a.gif")["imageId"]
    shown = opened(service.get(path(image_id, "w:30"), {"Accept": "image/webp"})[1])
    assert (shown.format, shown.size, getattr(shown, "n_frames", 1)) == ("WEBP", (30, 20), 4)
    still = opened(service.get(path(image_id, "w:30", "@jpg"))[1])
    assert (still.format, still.size) == ("JPEG", (30, 20))


def test_a_deleted_images_variants_are_gone_at_once(service: Service) -> None:
    image_id = service.upload(noise(64, "png"))["imageId"]
    kept = service.upload_dir / ".cache"
    assert service.get(path(image_id, "w:10"))[0].status == 200
    assert list(kept.rglob(image_id))
    with service.rpc() as rpc:
        assert rpc.get_storage_info()["cacheBytes"] > 0
        assert rpc.delete_image(image_id)["success"]
    assert service.get(path(image_id, "w:10"))[0].status == 404
    assert not list(kept.rglob(image_id))


def test_unsigned_urls_are_for_this_machine_alone(service: Service, photo: str) -> None:
    for headers in ({"Host": "images.example.com"}, {"X-Forwarded-For": "1.2.3.4"}):
        status, code, detail = problem(*service.get(path(photo, "w:10"), headers))
        assert (status, code) == (403, "forbidden")
        assert "signing_keys" in detail
    for host in (f"localhost:{service.port}", "127.0.0.1", "[::1]:80"):
        assert service.get(path(photo, "w:10"), {"Host": host})[0].status == 200


def test_a_hundred_who_want_one_variant_get_it_from_one_render(
    service: Service, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = Renders(service, monkeypatch)
    connections = [asking(service, photo, "w:77") for _ in range(100)]
    wait_until(lambda: renders.begun)
    eventlet.sleep(0.2)
    renders.go_on()
    answers = [connection.getresponse() for connection in connections]
    bodies = {answer.read() for answer in answers}
    assert [answer.status for answer in answers] == [200] * 100
    assert len(bodies) == 1
    assert renders.begun == [77]
    for connection in connections:
        connection.close()


def test_what_nobody_waits_for_any_more_is_not_made(
    service: Service, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = Renders(service, monkeypatch)
    first = asking(service, photo, "w:101")
    wait_until(lambda: renders.begun)
    gone, last = asking(service, photo, "w:102"), asking(service, photo, "w:103")
    wait_until(lambda: len(service.app.renders._flights) == 3)
    gone.close()
    eventlet.sleep(0.1)
    renders.go_on()
    assert [first.getresponse().status, last.getresponse().status] == [200, 200]
    assert renders.begun == [101, 103]


def test_a_variant_of_an_image_that_is_deleted_meanwhile_is_not_kept(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = service.upload(noise(64, "png"))["imageId"]
    renders = Renders(service, monkeypatch)
    asked = asking(service, image_id, "w:11")
    wait_until(lambda: renders.begun)
    with service.rpc() as rpc:
        assert rpc.delete_image(image_id)["success"]
    renders.go_on()
    assert asked.getresponse().status == 404
    assert not list((service.upload_dir / ".cache").rglob(image_id))


def test_bytes_over_rpc_are_the_originals_or_a_variants(service: Service, photo: str) -> None:
    _, original = service.get(f"/images/{photo}")
    with service.rpc() as rpc:
        whole = rpc.download_image(photo)
        part = rpc.download_image(photo, offset=3, length=5)
        beyond = rpc.download_image(photo, offset=len(original) + 1)
        variant = rpc.download_image(photo, transform="rs:fit:30:30/f:jpg")
        unknown = rpc.download_image(UNKNOWN_ID, transform="w:10")
    assert (whole["file"], whole["totalBytes"]) == (original, len(original))
    assert (whole["contentType"], whole["offset"]) == ("image/png", 0)
    assert (part["file"], part["offset"]) == (original[3:8], 3)
    assert beyond["error"]["argument"] == "offset"
    assert (opened(variant["file"]).size, variant["contentType"]) == ((30, 30), "image/jpeg")
    assert variant["file"] == service.get(path(photo, "rs:fit:30:30", "@jpg"))[1]
    assert unknown["error"]["code"] == "image_not_found"
    assert unknown["file"] == b""


def test_a_host_that_is_none_is_refused_quietly(service: Service, photo: str) -> None:
    for host in ("[", "[::1", "a:b:c"):
        assert service.get(path(photo, "w:10"), {"Host": host})[0].status == 403


def test_downloads_that_wait_for_renders_leave_room_for_uploads(
    service: Service, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    renders = Renders(service, monkeypatch)

    def download(width: int) -> Any:
        with service.rpc() as rpc:
            return rpc.download_image(photo, transform=f"w:{width}")

    waiting = [eventlet.spawn(download, 130 + number) for number in range(6)]
    wait_until(lambda: len(service.app.renders._flights) == 4)
    service.upload(noise(16, "png"))
    with service.rpc() as rpc:
        assert rpc.download_image(photo)["success"]
    renders.go_on()
    replies = [green.wait() for green in waiting]
    codes = [reply.get("error", {}).get("code") for reply in replies]
    assert sorted(codes, key=str) == [None] * 4 + ["busy"] * 2


def test_what_a_variant_leaves_for_others_goes_with_its_image(service: Service) -> None:
    image_id = service.upload(noise(1200, "png"), "large.png")["imageId"]
    cache = service.app.settings.cache_path
    first = service.get(path(image_id, "w:300", "@png"))[1]
    (mezzanine,) = cache.rglob(f"{image_id}/mezzanine*")
    with Image.open(mezzanine) as picture:
        assert picture.size == (672, 672)
    mezzanine.write_bytes(mezzanine.read_bytes()[:1000])
    second = service.get(path(image_id, "w:301", "@png"))[1]
    assert opened(second).size == (301, 301), "a damaged one is of no consequence"
    with Image.open(mezzanine) as picture:
        picture.load()
    third = service.get(path(image_id, "w:300/scp:0", "@png"))[1]
    alike = [np.asarray(opened(body)).astype(int) for body in (first, third)]
    assert 0 < np.abs(alike[0] - alike[1]).mean() <= 3, "noise, which nothing is lost of but itself"
    with service.rpc() as rpc:
        rpc.delete_image(image_id)
    assert not list(cache.rglob(f"{image_id}/*"))
