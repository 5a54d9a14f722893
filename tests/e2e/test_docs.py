"""What the documentation shows is what happens: every snippet runs, in order, on a real service.

`>>>` lines are compared with their output, `...` in it standing for anything. Blocks without them,
and those in `sh`, must run without an error. `<!-- skip: next -->` marks what no test can run, such
as the start of the service itself.
"""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from image_service.testing import png
from scripts.paths import ROOT
from tests.component.harness import delete_queues
from tests.e2e.processes import Site

PAGES = (
    "README.md",
    "docs/migration.md",
    "docs/operations.md",
    "docs/rpc.md",
    "docs/tutorial.md",
    "docs/variants.md",
)
BACKUP_NAME, IMAGE_ID = "2026-11-25T02-48-07Z", "img_1700000000000_0123456789abcdef"
BACKUPS = "/mnt/backups"
DEFAULT_URI, DEFAULT_URL = "pyamqp://guest:guest@localhost", "http://localhost:3001"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, broker_uri: str) -> Iterator[Site]:
    """A running service in a folder that has what snippets look for in theirs."""
    delete_queues(broker_uri)
    site = Site(tmp_path_factory.mktemp("site"), broker_uri)
    (site.folder / "examples").symlink_to(ROOT / "examples")
    (site.folder / "photo.jpg").symlink_to(ROOT / "examples" / "photos" / "rocket.jpg")
    site.environment["IMAGE_SERVICE_ARCHIVE_DIR"] = str(site.folder / "archive")
    with site.running():
        yield site


def run(site: Site, script: str) -> str | None:
    """Run a script as a user would in the folder of config.yaml; return what went wrong."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", script],
        cwd=site.folder,
        env={**site.environment, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stderr + done.stdout if done.returncode else None


class Shell(CodeBlockParser):
    """Runs blocks in `sh`; the first command that fails fails the page."""

    def __init__(self, site: Site) -> None:
        super().__init__(language="sh")
        self._site = site

    def evaluate(self, example: Example) -> str | None:
        """See CodeBlockParser."""
        return run(self._site, str(example.parsed))


def examples(page: str, site: Site) -> Iterator[Example]:
    """Yield what a page shows, with what is there in the place of what it talks of."""
    with site.cluster() as rpc:
        image_id = rpc.image_service.upload_image(png(), "shown.png")["imageId"]
        backups = site.folder / "mnt"
        assert run(site, f"image-service backup {backups}") is None
        real = {
            DEFAULT_URI: site.uri,
            DEFAULT_URL: site.base_url,
            BACKUPS: str(backups),
            BACKUP_NAME: max(os.listdir(backups / "backups")),
            IMAGE_ID: image_id,
        }
        text = (ROOT / page).read_text(encoding="utf-8")
        for told, there in real.items():
            text = text.replace(told, there)
        copy = site.folder / Path(page).name
        copy.write_text(text, encoding="utf-8")
        python = PythonCodeBlockParser(
            doctest_optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        )
        document = Sybil([Shell(site), python, SkipParser()]).parse(copy)
        for example in document.examples():
            # What pages take for granted. One of their own may have closed its proxy.
            document.namespace.update(rpc=rpc, data=png(seed=1))
            document.namespace.setdefault("image_id", image_id)
            yield example


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_shows_happens(
    page: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site.folder)
    count = 0
    for count, example in enumerate(examples(page, site), start=1):  # noqa: B007
        example.evaluate()
    assert count
