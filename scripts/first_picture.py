"""`make first-picture`: how long a stranger takes from `git clone` to a picture in the gallery.

Clones this repository, as it is committed, into a folder of its own, gives the commands that
README.md gives, and looks at the gallery with a headless Chromium until the picture is painted.
Ports are free ones. Whatever was started is ended. Fails when it takes more than three minutes.

python -m scripts.first_picture [--at-most SECONDS]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from scripts import broker, browsers, ports
from scripts.paths import ROOT, RUN_DIR
from scripts.report import ToolError, run_main, say

if TYPE_CHECKING:
    from playwright.sync_api import Locator

MOST_S = 180.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.1
DEFAULT_URL = "http://localhost:3001"
SCREENSHOT = RUN_DIR / "first-picture.png"
# A photograph has thousands of colours; what is drawn before it comes has fewer, or none.
PAINTED_COLORS = 2000
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Commands(NamedTuple):
    """What README.md has strangers type."""

    run: str
    upload: str


def commands(readme: str) -> Commands:
    """Return the commands as they are spelt. Raises: ToolError."""
    blocks = [match[1].strip() for match in _BLOCK.finditer(readme)]
    uploads = [block for block in blocks if block.startswith("curl -F")]
    if "make run" not in blocks or not uploads:
        raise ToolError("README.md says no longer how to run the service and upload a picture")
    return Commands("make run", uploads[0])


class Watch:
    """Tells how long each step took."""

    def __init__(self, most_s: float = MOST_S) -> None:
        self.most_s = most_s
        self._begun_s = self._last_s = time.monotonic()

    def tell(self, step: str) -> None:
        """Say that a step is done."""
        now_s = time.monotonic()
        say(f"{now_s - self._last_s:7.1f} s  {step}")
        self._last_s = now_s

    @property
    def total_s(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun_s

    def check(self) -> None:
        """Raises: ToolError when it takes too long."""
        if self.total_s > self.most_s:
            raise ToolError(f"it takes longer than {self.most_s:.0f} s")


def measure(folder: Path, watch: Watch, environment: dict[str, str], url: str) -> None:
    """Go the whole way in an empty folder."""
    clone, log = folder / "image_service", folder / "run.log"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    watch.tell("git clone")
    told = commands((clone / "README.md").read_text(encoding="utf-8"))
    with running(told.run, clone, environment, log) as process:
        while not _is_ready(url):
            watch.check()
            if process.poll() is not None:
                raise ToolError(f"`{told.run}` ended:\n{log.read_text(encoding='utf-8')}")
            time.sleep(POLL_S)
        watch.tell(told.run)
        upload = told.upload.replace(DEFAULT_URL, url)
        done = subprocess.run(
            ["sh", "-ec", upload], cwd=clone, capture_output=True, text=True, check=False
        )
        if done.returncode or '"success": true' not in done.stdout:
            raise ToolError(f"`{upload}` failed: {done.stdout}{done.stderr}")
        watch.tell(told.upload)
        look(url, watch)
    watch.check()


def look(url: str, watch: Watch) -> None:
    """Return once a browser has painted the picture; leave a screenshot."""
    with browsers.chromium() as browser:
        page = browser.new_page(viewport={"width": 1120, "height": 700})
        page.goto(url)
        picture = page.locator(".cell img").first
        picture.wait_for(state="visible")
        while not _is_painted(picture):
            watch.check()
            time.sleep(POLL_S)
        watch.tell("the picture is painted in the gallery")
        page.screenshot(path=SCREENSHOT)


def _is_painted(picture: Locator) -> bool:
    if not picture.evaluate("each => each.complete && each.naturalWidth > 0"):
        return False
    seen = Image.open(io.BytesIO(picture.screenshot())).convert("RGB")
    return seen.getcolors(PAINTED_COLORS) is None


@contextlib.contextmanager
def running(
    command: str, folder: Path, environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command meanwhile, in a session of its own; in the end all of that is gone."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-ec", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            process.poll()  # a group lasts until its leader was waited for
            os.killpg(process.pid, 0)
            time.sleep(POLL_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-most", type=float, default=MOST_S, help="seconds; else %(default)s")
    options = parser.parse_args()
    browsers.make_sure_chromium_is_installed()
    if shutil.which("git") is None or shutil.which("curl") is None:
        raise ToolError("git and curl are needed")
    RUN_DIR.mkdir(exist_ok=True)
    port = ports.free_ports(1)[0]
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    environment = {**kept, "IMAGE_SERVICE_PORT": str(port)}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not ports.is_free(broker.DEFAULT_PORT):
            say("Something listens where RabbitMQ would: a node of its own is started beside it.")
            node = stack.enter_context(broker.private_node(folder / "rabbitmq"))
            environment["AMQP_URI"] = node.uri
        watch = Watch(options.at_most)
        measure(folder, watch, environment, f"http://localhost:{port}")
        say(f"{watch.total_s:7.1f} s  in all, of at most {watch.most_s:.0f}; see {SCREENSHOT}")
    return 0


def _is_ours(name: str) -> bool:
    return name.startswith(("IMAGE_SERVICE_", "AMQP_", "VIRTUAL_ENV", "PYTHON"))


if __name__ == "__main__":
    run_main(main)
