"""Variants under settings of their own: keys, presets, a short queue, a restart."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import eventlet
import PIL.Image
import pytest

from image_service.domain.signing import Signer, SigningKey
from image_service.domain.variant_url import make_path
from tests.component.harness import Service, wait_until
from tests.component.pictures import noise, picture
from tests.component.variants import Renders, asking, opened, path, problem

KEYS = "736563726574:68656c6c6f,6f6c64:73616c74"
NEW, OLD = SigningKey(b"secret", b"hello"), SigningKey(b"old", b"salt")


def test_a_full_queue_is_told_and_keeps_nobody_else_waiting(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(render_queue=20, max_workers=10)
    image_id = service.upload(noise(64, "png"))["imageId"]
    assert service.get(path(image_id, "w:5"))[0].status == 200
    renders = Renders(service, monkeypatch)
    waiting = [asking(service, image_id, f"w:{10 + number}") for number in range(21)]
    wait_until(lambda: len(service.app.renders._flights) == 21)
    answer, body = service.get(path(image_id, "w:9"))
    assert problem(answer, body)[:2] == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    began = time.monotonic()
    assert service.get(path(image_id, "w:5"))[0].status == 200, "one that is kept"
    assert service.get(f"/images/{image_id}")[0].status == 200
    with service.rpc() as rpc:
        assert rpc.health_check()["success"]
    service.upload(noise(32, "png"))
    assert time.monotonic() - began < 5
    renders.go_on()
    assert {connection.getresponse().status for connection in waiting} == {200}


def test_variants_survive_a_restart(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_service()
    image_id = first.upload(noise(64, "png"))["imageId"]
    _, body = first.get(path(image_id, "w:12"))
    first.stop()
    second = make_service(upload_dir=first.upload_dir)
    renders = Renders(second, monkeypatch)
    assert second.get(path(image_id, "w:12"))[1] == body
    assert renders.begun == []


@pytest.fixture
def signed(make_service: Callable[..., Service]) -> Service:
    return make_service(signing_keys=KEYS, presets={"tiny": "rs:fill:8:8"})


def test_signed_urls_and_no_others_are_answered(signed: Service) -> None:
    image_id = signed.upload(picture("png"))["imageId"]
    for key in (NEW, OLD):
        good = "/img" + make_path(image_id, "pr:tiny", Signer([key], allow_unsigned=False))
        answer, body = signed.get(good, {"Host": "images.example.com"})
        assert (answer.status, opened(body).size) == (200, (8, 8))
        for bad in (good.replace("tiny", "tinx"), good.replace("pr:", "pr%3A"), good + "@png",
                    good.replace("/img/", "/img/x"), good.replace("/pr:tiny", "")):  # fmt: skip
            assert problem(*signed.get(bad))[:2] == (403, "forbidden"), bad
    assert problem(*signed.get(path(image_id, "w:10")))[:2] == (403, "forbidden")


def test_an_url_whose_time_is_over_is_refused(signed: Service) -> None:
    image_id = signed.upload(picture("png"))["imageId"]
    signer = Signer([NEW], allow_unsigned=False)
    now_s = int(time.time())
    soon = "/img" + make_path(image_id, "w:5", signer, expires_s=now_s + 60)
    answer, _ = signed.get(soon)
    max_age = int(answer.headers["Cache-Control"].partition("max-age=")[2].partition(",")[0])
    assert answer.status == 200
    assert 0 < max_age <= 60
    over = "/img" + make_path(image_id, "w:5", signer, expires_s=now_s - 1)
    assert problem(*signed.get(over))[:2] == (403, "forbidden")


def test_addresses_over_rpc_are_signed_and_work(signed: Service) -> None:
    data = noise(50, "png")
    image_id = signed.upload(data)["imageId"]
    with signed.rpc() as rpc:
        plain = rpc.get_image_url(image_id)
        asked = {"resize": ["fill", 20, 10], "format": "webp"}
        mapped = rpc.get_image_url(image_id, transform=asked, expires_in_s=60)
        spelled = rpc.get_image_url(image_id, transform="w:20/f:png")
        original = rpc.get_image_url(image_id, expires_in_s=60)
        refused = rpc.get_image_url(image_id, transform="w:x")
    assert plain["url"].endswith(f"/images/{image_id}")
    assert (plain["success"], plain["expiresAt"]) == (True, None)
    expires = dt.datetime.fromisoformat(mapped["expiresAt"][:-1] + "+00:00")
    assert 50 < expires.timestamp() - time.time() <= 61
    prefix = f"http://localhost:{signed.port}"
    shown = opened(signed.get(mapped["url"].removeprefix(prefix))[1])
    assert (shown.format, shown.size) == ("WEBP", (20, 10))
    assert opened(signed.get(spelled["url"].removeprefix(prefix))[1]).size == (20, 20)
    assert signed.get(original["url"].removeprefix(prefix))[1] == data
    assert (refused["success"], refused["url"]) == (False, "")
    assert refused["error"]["argument"] == "width"


def test_files_are_left_to_the_server_in_front(make_service: Callable[..., Service]) -> None:
    service = make_service(accel_prefix="/_files", signing_keys=KEYS)
    data = noise(50, "png")
    image_id = service.upload(data, "holiday.png")["imageId"]
    answer, body = service.get(f"/images/{image_id}?download=1", {"Range": "bytes=0-3"})
    assert (answer.status, body) == (200, b"")
    assert answer.headers["X-Accel-Redirect"] == f"/_files/originals/{image_id}.png"
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="holiday.png"')
    assert "max-age" in answer.headers["Cache-Control"]

    url = "/img" + make_path(image_id, "w:20", Signer([NEW], allow_unsigned=False))
    _, made = service.get(url)
    kept, nothing = service.get(url, {"Accept": "image/gif"})
    prefix, _, path_below = kept.headers["X-Accel-Redirect"].partition("/variants/")
    assert (prefix, nothing) == ("/_files", b"")
    assert kept.headers["Vary"] == "Accept"
    assert (service.upload_dir / ".cache" / path_below).read_bytes() == made


def test_eager_presets_are_made_without_being_asked_for(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    presets = {"tiny": "rs:fill:8:8", "small": "w:20/f:webp", "other": "w:30"}
    service = make_service(presets=presets, eager_presets=["tiny", "small"])
    image_id = service.upload(noise(50, "png"))["imageId"]
    kept = service.upload_dir / ".cache"
    # PNG, WebP and AVIF of the one, WebP of the other.
    wait_until(lambda: len(list(kept.rglob(f"{image_id}/*"))) == 4)
    renders = Renders(service, monkeypatch)
    for options in ("pr:tiny", "pr:small"):
        assert (
            service.get(path(image_id, options), {"Accept": "image/avif,image/webp"})[0].status
            == 200
        )
    assert renders.begun == []


@pytest.mark.parametrize(("mezzanines", "left"), [("upload", 1), ("variant", 0), ("never", 0)])
def test_a_large_pictures_mezzanine_is_made_when_it_is_told(
    make_service: Callable[..., Service], mezzanines: str, left: int
) -> None:
    service = make_service(mezzanines=mezzanines)
    image_id = service.upload(noise(900, "png"))["imageId"]
    kept = service.upload_dir / ".cache"
    if left:
        wait_until(lambda: list(kept.rglob(f"{image_id}/mezzanine*")))
    else:
        eventlet.sleep(1.5)
        assert not list(kept.rglob(f"{image_id}/*"))
    assert service.get(path(image_id, "w:300"))[0].status == 200
    assert len(list(kept.rglob(f"{image_id}/mezzanine*"))) == (mezzanines != "never")


def test_hits_and_misses_are_counted(make_service: Callable[..., Service]) -> None:
    service = make_service()
    image_id = service.upload(noise(50, "png"))["imageId"]
    for _ in range(3):
        service.get(path(image_id, "w:20"))
    with service.rpc() as rpc:
        info = rpc.get_storage_info()
    assert (info["cacheHits"], info["cacheMisses"]) == (2, 1)
    assert info["cacheBytes"] > 0


def test_a_sound_picture_is_never_called_damaged_for_what_was_asked(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(render_memory_bytes=700 * 2**20)
    image_id = service.upload(noise(64, "png"))["imageId"]
    large = path(image_id, "rs:force:7000:7000:1/bl:5", "@avif")
    status, code, detail = problem(*service.get(large))
    assert (status, code) == (422, "variant_failed")
    assert "Ask for a smaller" in detail
    renders = Renders(service, monkeypatch)
    assert problem(*service.get(large))[:2] == (422, "variant_failed")
    assert renders.begun == [], "it is not tried again at once"
    renders.go_on()
    assert service.get(path(image_id, "w:10"))[0].status == 200


def test_stopping_waits_for_renders_that_have_begun(make_service: Callable[..., Service]) -> None:
    service = make_service()
    image_id = service.upload(noise(300, "png"))["imageId"]
    asked = eventlet.spawn(service.get, path(image_id, "rs:force:3000:3000:1/f:avif"))
    wait_until(lambda: any(flight.has_begun for flight in service.app.renders._flights.values()))
    service.stop()
    answer, body = asked.wait()
    assert (answer.status, opened(body).size) == (200, (3000, 3000))


def test_a_watermark_is_chosen_by_its_name(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    colors = {"": (255, 0, 0), "logo": (0, 255, 0)}
    for name, color in colors.items():
        PIL.Image.new("RGB", (4, 4), color).save(tmp_path / f"mark{name}.png")
    service = make_service(
        watermark_path=str(tmp_path / "mark.png"),
        watermarks={"logo": str(tmp_path / "marklogo.png")},
    )
    image_id = service.upload(picture("png", (16, 16)))["imageId"]
    for option, color in (("wm:1:nowe", colors[""]), ("wm:1:nowe/wmu:bG9nbw", colors["logo"])):
        answer, body = service.get(path(image_id, f"{option}/f:png"))
        assert answer.status == 200
        assert opened(body).convert("RGB").getpixel((1, 1)) == color
    answer, body = service.get(path(image_id, "wm:1/wmu:c2VhbA"))
    status, code, detail = problem(answer, body)
    assert (status, code) == (400, "invalid_argument")
    assert "'seal'" in detail
