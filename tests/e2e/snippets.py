"""What pages show, block by block, and what becomes of each when it is run.

`sh` must run without an error. In `console`, lines after a `$ ` are what the command prints, `…`
in them standing for anything, as every id does for any other; `>>> ` lines are typed into it.
`python` runs, its `>>> ` lines compared with their output. `yaml` is read by the program it is for,
`json` is parsed, and sent where it is a request. `text` is everything else, and `sql` is for
whoever has a server.

`<!-- skip: next "why" -->` before a block, or `<!-- skip: next if(condition, reason="why") -->`,
says that it is not run.
"""

from __future__ import annotations

import base64
import doctest
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sybil import Document, Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from image_service.testing import jpeg, png, tiff
from scripts.paths import ROOT
from tests.component.harness import RawCaller
from tests.e2e.processes import Site

RUN, TEXT = frozenset(("sh", "console", "python", "yaml", "json")), frozenset(("text", "sql"))
PAGES = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (
        *sorted(ROOT.glob("*.md")),
        *sorted(ROOT.glob("docs/*.md")),
        ROOT / "benchmarks" / "README.md",
    )
)
ELLIPSIS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_FENCE = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_IMAGE_ID = re.compile(r"img_\d{13}_[a-z0-9]+")


@dataclass(frozen=True)
class Block:
    """A block as it stands on a page. line: where it begins, 1 for the first."""

    language: str
    body: str
    line: int

    @property
    def last_line(self) -> int:
        return self.line + self.body.count("\n") + 1


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, found without the parsers that run them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(found["language"].strip(), found["body"], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


PAGES_TO_RUN = tuple(page for page in PAGES if any(b.language in RUN for b in blocks(page)))


class Place:
    """The folder that a page's snippets run in, beside a service."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        for name in ("Pictures", ".config/fish/completions"):
            (folder / "home" / name).mkdir(parents=True)
        for name in ("pictures", "scans"):
            (folder / name).mkdir()
        shutil.copy(site.config, folder / "config.yaml")
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "photo.jpg").symlink_to(ROOT / "examples" / "photos" / "rocket.jpg")
        pictures = ("home/Pictures/beach.png", "home/Pictures/sea.png", "cover.png")
        for number, path in enumerate(pictures, start=10):
            (folder / path).write_bytes(png(seed=number))
        (folder / "scans" / "1.tif").write_bytes(tiff())
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._environment = {
            **{k: v for k, v in site.environment.items() if k != "PYTHONWARNINGS"},
            "PATH": programs,
            "HOME": str(folder / "home"),
            "IMAGE_SERVICE_GRAPHICS": "kitty",
            "IMAGE_SERVICE_UPLOAD_DIR": str(site.uploads),
        }

    def run(self, script: str, typed: str = "") -> tuple[int, str]:
        """Run a script as a user would; return its exit code and all that it printed."""
        done = subprocess.run(
            ["sh", "-ec", script],
            cwd=self.folder,
            env=self._environment,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout


class Sh(CodeBlockParser):
    """The first command that fails fails the page."""

    language = "sh"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def evaluate(self, example: Example) -> str | None:
        """See CodeBlockParser."""
        code, printed = self._place.run(str(example.parsed))
        return f"exit code {code}: {printed}" if code else None


class Console(CodeBlockParser):
    """Commands, each with what it prints."""

    language = "console"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def evaluate(self, example: Example) -> str | None:
        """See CodeBlockParser."""
        for command, shown in commands(str(example.parsed)):
            typed, wanted = dialogue(shown)
            code, printed = self._place.run(command, typed)
            if code:
                return f"{command}\nexit code {code}: {printed}"
            if wanted and not alike(wanted, printed):
                return f"{command}\nprinted {printed!r}\nand not {wanted!r}"
        return None


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command that stands after a `$ `, and the lines that follow it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        count = next(n for n, line in enumerate(lines, start=1) if not line.endswith("\\"))
        yield "\n".join(lines[:count]), "\n".join(lines[count:])


def dialogue(shown: str) -> tuple[str, str]:
    """Return what is typed into a command, and what it prints, its prompts included."""
    if not shown.startswith(">>> "):
        return "", shown
    lines = [line.removeprefix(">>> ") for line in shown.splitlines() if line.startswith(">>> ")]
    said = [line for line in shown.splitlines() if not line.startswith(">>> ")]
    # Whatever it greets with, prompts with, and says at the end.
    return "\n".join(lines) + "\n", "...".join(("", *said, ""))


def alike(wanted: str, printed: str) -> bool:
    """Tell whether something printed is what a page says, but for ids and spaces."""
    wanted, printed = (_IMAGE_ID.sub("img_ID", each) for each in (wanted, printed))
    wanted = wanted.replace("…", "...")
    return doctest.OutputChecker().check_output(wanted + "\n", printed, ELLIPSIS)


class Yaml(CodeBlockParser):
    """A part of config.yaml, or of Prometheus's configuration."""

    language = "yaml"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def evaluate(self, example: Example) -> str | None:
        """See CodeBlockParser."""
        told = yaml.safe_load(str(example.parsed))
        if "scrape_configs" in told:
            return self._of_prometheus(str(example.parsed))
        path = self._place.folder / "config with it.yaml"
        kept = [
            line
            for line in self._place.site.config.read_text().splitlines()
            if line.partition(":")[0] not in told
        ]
        path.write_text("\n".join((*kept, str(example.parsed))))
        code, printed = self._place.run(f"image-service check-config --config '{path}'")
        return printed if code else None

    def _of_prometheus(self, text: str) -> str | None:
        (self._place.folder / "prometheus.yml").write_text(text)
        if shutil.which("promtool") is None:
            return None
        code, printed = self._place.run("promtool check config prometheus.yml")
        return printed if code else None


class Json(CodeBlockParser):
    """JSON; what has `args` is the body of a call, and is made; a line of the log is there."""

    language = "json"

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._site = place.site

    def evaluate(self, example: Example) -> str | None:
        """See CodeBlockParser."""
        told = json.loads(str(example.parsed))
        if "kwargs" in told:
            return self._call(told)
        return self._of_log(told) if "logger" in told else None

    def _call(self, told: dict[str, Any]) -> str | None:
        assert told["kwargs"]["file"] == "<base64>"
        told["kwargs"]["file"] = base64.b64encode(jpeg(seed=2)).decode()
        with RawCaller(self._site.uri) as caller:
            caller.send(json.dumps(told).encode(), "upload_image")
            reply = caller.answer()
        return None if reply["error"] is None and reply["result"]["success"] else str(reply)

    def _of_log(self, told: dict[str, Any]) -> str | None:
        lines = [line for line in self._site.words().splitlines() if line.startswith("{")]
        kinds = {name: told.get(name) for name in ("logger", "method", "code")}
        like = [each for each in map(json.loads, lines) if kinds.items() <= each.items()]
        if like and like[-1].keys() == told.keys():
            return None
        return f"no line of the log has these fields, but {like[-1:]}"


def parsed(path: Path, place: Place) -> Document:
    """Return a page whose blocks can be run."""
    parsers = [Sh(place), Console(place), Yaml(place), Json(place)]
    python = PythonCodeBlockParser(doctest_optionflags=ELLIPSIS)
    document = Sybil([*parsers, python, SkipParser()]).parse(path)
    document.namespace["missing"] = lambda program: shutil.which(program) is None
    return document


def own_tests(namespace: dict[str, Any]) -> Iterator[Any]:
    """Yield the tests that a page defines."""
    for name, value in namespace.items():
        if name.startswith("test_") and callable(value):
            yield value
