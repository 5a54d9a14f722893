"""`make screenshots`: docs/screenshots/*.png of the gallery, with real photos.

The photos are those of scikit-image that are CC0 or in the public domain, and parts of them.
"""

from __future__ import annotations

import io
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyvips
import requests
from PIL import Image

from scripts import broker, browsers
from scripts.paths import ROOT, RUN_DIR
from scripts.ports import free_ports
from scripts.report import run_main, say
from scripts.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PACKAGE = "scikit-image==0.26.0"
NAMES = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png",
    "hubble_deep_field.jpg", "moon.png", "rocket.jpg", "motorcycle_left.png",
)  # fmt: skip
PARTS = 48
TAGS = ("archive", "nature", "press", "space", "texture")
OUT = ROOT / "docs" / "screenshots"
MOST_BYTES = 300_000
SETTLE_MS = 2500
TIMEOUT_S = 30

WIDE: dict[str, Any] = {"viewport": {"width": 1120, "height": 700}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "is_mobile": True,
    "has_touch": True,
}


def photos() -> list[Path]:
    """Return the photos, fetched once."""
    folder = RUN_DIR / "photos"
    if not all((folder / name).exists() for name in NAMES):
        say(f"Fetching photos from {PACKAGE} ...")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--dest", str(folder), PACKAGE]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            for name in NAMES:
                (folder / name).write_bytes(wheel.read(f"skimage/data/{name}"))
    return [folder / name for name in NAMES]


def parts(paths: list[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield parts of the photos, in many shapes, as (name, JPEG)."""
    chance = random.Random(11)
    colored = [path for path in paths if Image.open(path).mode != "L"]
    for number in range(PARTS):
        path = chance.choice(colored)
        picture = Image.open(path).convert("RGB")
        ratio = chance.choice((1.5, 1.5, 1.33, 0.75, 0.67, 1.0, 1.78))
        height = min(picture.height, picture.width / ratio) * chance.uniform(0.6, 0.95)
        width = height * ratio
        x = chance.uniform(0, picture.width - width)
        y = chance.uniform(0, picture.height - height)
        part = picture.crop((int(x), int(y), int(x + width), int(y + height)))
        file = io.BytesIO()
        part.save(file, "JPEG", quality=88)
        yield f"{path.stem} {number + 1}.jpg", file.getvalue()


def fill(url: str) -> None:
    """Store the pictures, the whole ones last: the newest are shown first."""
    paths = photos()
    chance = random.Random(3)
    whole = [(path.name, path.read_bytes()) for path in paths]
    chance.shuffle(whole)
    for name, data in [*parts(paths), *whole]:
        tags = [("tags", tag) for tag in chance.sample(TAGS, chance.randint(0, 2))]
        answer = requests.post(
            f"{url}/images", files={"file": (name, data)}, data=tags, timeout=TIMEOUT_S
        )
        answer.raise_for_status()


def _picture(page: Page) -> None:
    page.locator(".cell a", has_text="coffee.png").click()


def _variant(page: Page) -> None:
    page.locator(".cell a", has_text="astronaut.png").click()
    page.get_by_role("button", name="Make a variant").click()
    page.get_by_role("button", name="Square, 400").click()


def _selection(page: Page) -> None:
    page.get_by_role("button", name="Select", exact=True).click()
    for number in (1, 2, 4, 6):
        page.locator(".cell a").nth(number).click()


def _nothing(page: Page) -> None:
    pass


SHOTS: tuple[tuple[str, str, str, dict[str, Any], Callable[[Page], None]], ...] = (
    ("gallery-light", "", "light", WIDE, _nothing),
    ("gallery-dark", "", "dark", WIDE, _nothing),
    ("picture-light", "", "light", WIDE, _picture),
    ("variant-dark", "", "dark", WIDE, _variant),
    ("selection-light", "", "light", WIDE, _selection),
    ("storage-light", "?view=storage", "light", WIDE, _nothing),
    ("phone-light", "", "light", PHONE, _nothing),
    ("phone-dark", "", "dark", PHONE, _picture),
)


def shoot(browser: Browser, url: str) -> None:
    """Write all screenshots."""
    OUT.mkdir(parents=True, exist_ok=True)
    for name, address, scheme, device, prepare in SHOTS:
        context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", **device)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{url}/{address}")
        page.locator(".cell a, .card").first.wait_for()
        prepare(page)
        page.wait_for_timeout(SETTLE_MS)
        path = OUT / f"{name}.png"
        save(page.screenshot(), path)
        say(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} KB")
        context.close()


def save(data: bytes, path: Path) -> None:
    """Write a screenshot with 256 colours, dithered as far as MOST_BYTES allow."""
    picture = pyvips.Image.new_from_buffer(data, "")
    for dither in (1.0, 0.5, 0.2, 0.0):
        png = picture.pngsave_buffer(palette=True, Q=100, dither=dither, effort=10, compression=9)
        path.write_bytes(png)
        if len(png) < MOST_BYTES:
            return


def main() -> int:
    """Write the screenshots."""
    port = free_ports(1)[0]
    url = f"http://localhost:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        broker.private_node(Path(folder, "rabbitmq")) as node,
    ):
        settings = {
            "AMQP_URI": node.uri,
            "IMAGE_SERVICE_PORT": str(port),
            "IMAGE_SERVICE_UPLOAD_DIR": str(Path(folder, "uploads")),
            "IMAGE_SERVICE_TRASH_RETENTION_DAYS": "30",
        }
        service = Service(base_url=url, environment=settings, log=Path(folder, "service.log"))
        try:
            service.start()
            service.wait_until_ready()
            fill(url)
            with browsers.chromium() as browser:
                shoot(browser, url)
        finally:
            service.stop()
    return 0


if __name__ == "__main__":
    run_main(main)
