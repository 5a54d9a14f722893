"""Peers as running servers: thumbor and ipx, that make variants, and gunicorn, that has processes.

None is part of this repository. `--thumbor DIR` names a virtual environment with thumbor 7.8,
`--ipx DIR` a folder in which `npm install ipx@3.1` was run, `--gunicorn DIR` a virtual environment
with gunicorn, gevent and Flask.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig import Rig, answers, child_of, wait_for
from scripts.ports import free_ports

THUMBOR, IPX, GUNICORN = "thumbor", "ipx", "gunicorn"
PROCESSES = 2
_THUMBOR_SETTINGS = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = {root!r}
STORAGE = "thumbor.storages.no_storage"
RESULT_STORAGE = None
ALLOW_UNSAFE_URL = True
"""
_FLASK_FILES = """
import flask

app = flask.Flask(__name__, static_folder={folder!r}, static_url_path="/files")
"""


@dataclass(frozen=True)
class Task:
    """What is made of each source: fitted into side_px, in this format and quality."""

    name: str
    side_px: int
    extension: str
    quality: int

    @property
    def is_lossless(self) -> bool:
        """Whether quality means nothing."""
        return self.extension == "png"


@dataclass(frozen=True)
class Peer:
    """A running peer; url: the address of a task's result from a source's file name."""

    name: str
    url: Callable[[Task, str], str]


def add_peer_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Let the user name the peers' folders."""
    for name in names:
        parser.add_argument(f"--{name}", metavar="DIR", type=Path, help=f"{name} (else left out)")


@contextlib.contextmanager
def running_peers(
    rig: Rig, sources: Sequence[Path], *, thumbor: Path | None, ipx: Path | None
) -> Iterator[list[Peer]]:
    """Start the peers that are there on copies of the sources; stop them in the end."""
    root = rig.scratch / "peers"
    root.mkdir()
    for source in sources:
        shutil.copy(source, root)
    with contextlib.ExitStack() as stack:
        peers = []
        if thumbor:
            peers.append(stack.enter_context(_thumbor(rig, thumbor.absolute(), root)))
        if ipx:
            peers.append(stack.enter_context(_ipx(rig, ipx.absolute(), root)))
        yield peers


@contextlib.contextmanager
def _thumbor(rig: Rig, folder: Path, root: Path) -> Iterator[Peer]:
    port = free_ports(1)[0]
    settings, log = rig.scratch / "thumbor.conf", rig.scratch / "thumbor.log"
    settings.write_text(_THUMBOR_SETTINGS.format(root=str(root)))
    arguments = [str(folder / "bin" / "thumbor"), "-c", str(settings), "-i", "127.0.0.1"]
    arguments += ["-p", str(port), "--processes", str(PROCESSES)]
    base = f"http://127.0.0.1:{port}"
    with child_of(arguments, dict(os.environ), log) as child:
        wait_for(child, log, lambda: answers(f"{base}/healthcheck"))
        rig.servers[THUMBOR] = child.pid
        yield Peer(
            THUMBOR,
            lambda task, name: (
                f"{base}/unsafe/fit-in/{task.side_px}x{task.side_px}/filters:"
                f"quality({task.quality}):format({_word(task)})/{name}"
            ),
        )


@contextlib.contextmanager
def _ipx(rig: Rig, folder: Path, root: Path) -> Iterator[Peer]:
    port, log = free_ports(1)[0], rig.scratch / "ipx.log"
    program = folder / "node_modules" / ".bin" / "ipx"
    arguments = [str(program), "serve", "--dir", str(root), "--port", str(port)]
    base = f"http://127.0.0.1:{port}"
    some = next(root.iterdir()).name
    with child_of(arguments, dict(os.environ), log) as child:
        wait_for(child, log, lambda: answers(f"{base}/w_8/{some}"))
        rig.servers[IPX] = child.pid
        yield Peer(
            IPX,
            lambda task, name: (
                f"{base}/f_{_word(task)},"
                # sharp makes a palette of a PNG with a quality.
                + ("" if task.is_lossless else f"q_{task.quality},")
                + f"w_{task.side_px},h_{task.side_px},fit_inside/{name}"
            ),
        )


@contextlib.contextmanager
def gunicorn_with_files(
    program: Path, processes: int, files: Path, scratch: Path
) -> Iterator[tuple[int, str]]:
    """Have so many processes of gunicorn serve a folder by Flask; yield its pid and address."""
    scratch.mkdir()
    (scratch / "files.py").write_text(_FLASK_FILES.format(folder=str(files.absolute())))
    address, log = f"127.0.0.1:{free_ports(1)[0]}", scratch / "gunicorn.log"
    arguments = [str(program.absolute() / "bin" / "gunicorn"), "--chdir", str(scratch)]
    arguments += ["-k", "gevent", "-w", str(processes), "--keep-alive", "60", "-b", address]
    some, url = next(files.iterdir()).name, f"http://{address}/files"
    with child_of([*arguments, "files:app"], dict(os.environ), log) as child:
        wait_for(child, log, lambda: answers(f"{url}/{some}"))
        yield child.pid, url


def _word(task: Task) -> str:
    return "jpeg" if task.extension == "jpg" else task.extension
