"""`image-service upload`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .cli_common import EXIT_FAILED, EXIT_FOUND, fail
from .cli_remote import (
    EXIT_INTERRUPTED,
    console,
    exit_code_of,
    json_option,
    patient_remote,
    print_json,
    printable,
)
from .domain.formats import EXTENSIONS

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from .client import Image, ImageApi
    from .client.batch import Outcome

STDIN = "-"
JOBS = 4
# Of the server of a url.
_SILENT_S = 60.0
_MAGIC = frozenset("*?[")
_REFRESHES_PER_S = 4


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("-r", "--recursive", is_flag=True, help="Pictures in folders, and in those in them.")
@click.option("-t", "--tag", "tags", multiple=True, help="A tag for each; may be repeated.")
@click.option(
    "-a", "--attribute", "attributes", multiple=True, metavar="NAME=TEXT", help="May be repeated."
)
@click.option("--name", default="", help="The filename, of a single picture.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 64), default=JOBS, show_default=True,
    help="Uploads at a time.",
)  # fmt: skip
@json_option
@patient_remote
def upload(
    images: ImageApi,
    sources: tuple[str, ...],
    recursive: bool,
    tags: tuple[str, ...],
    attributes: tuple[str, ...],
    name: str,
    jobs: int,
    as_json: bool,
) -> None:
    """Store pictures: files, patterns ("*.jpg"), folders (-r), http(s) urls, - for standard input.

    What is stored already, whatever it is called, is left as it is: a run that was interrupted can
    be begun again. Exit code 3: some could not be stored; each is named.
    """
    more = {"tags": tags, "attributes": _pairs(attributes)}
    if len(sources) == 1 and (name or _is_single(sources[0])):
        _upload_one(images, sources[0], name, as_json, more)
        return
    if name:
        raise click.UsageError("--name is for a single picture")
    files = [path for source in sources for path in _files(source, recursive=recursive)]
    _upload_all(images, list(dict.fromkeys(files)), jobs, as_json, more)


def _upload_one(
    images: ImageApi, source: str, name: str, as_json: bool, more: dict[str, Any]
) -> None:
    """Store what is no file, or is to have another name."""
    from .client.sources import Source, read_source

    if source == STDIN:
        picture = Source(sys.stdin.buffer.read(), "stdin")
    else:
        picture = read_source(source, _SILENT_S)
    checksum = f"sha256:{hashlib.sha256(picture.data).hexdigest()}"
    there = images.find([checksum]).get(checksum)
    image: Image = (
        images.get(there)
        if there
        else images.upload(picture.data, name or picture.filename, checksum=checksum, **more)
    )
    if as_json:
        print_json(image)
    else:
        click.echo(f"{image.id}  {image.url}")
    if there:
        click.echo("It is there already; it was left as it is.", err=True)


def _upload_all(
    images: ImageApi, files: list[Path], jobs: int, as_json: bool, more: dict[str, Any]
) -> None:
    from .client.batch import FAILED, STORED, THERE, Batch

    counts: Counter[str] = Counter()
    failures: list[Outcome] = []

    with _progress(files) as progress:
        try:
            for outcome in Batch(images, jobs=jobs, on_sent=progress.advance, **more).run(files):
                counts[outcome.status] += 1
                if outcome.error:
                    failures.append(outcome)
                _tell(outcome, as_json=as_json)
        except KeyboardInterrupt:
            told = f"interrupted after {progress.done:,} of {len(files):,}; run it again"
            fail(EXIT_INTERRUPTED, told)
    click.echo(
        f"{counts[STORED]:,} stored, {counts[THERE]:,} there already, {counts[FAILED]:,} failed.",
        err=True,
    )
    if failures:
        error = failures[0].error
        is_only_one = len(files) == 1 and error
        sys.exit(exit_code_of(error) if is_only_one and error else EXIT_FOUND)


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    path = str(outcome.path)
    if as_json:
        error = outcome.error
        told = {
            "path": path,
            "status": outcome.status,
            "imageId": outcome.image_id,
            "checksum": outcome.checksum,
            "sizeBytes": outcome.size_bytes,
            "error": error and {"code": error.code, "message": str(error), **error.details()},
        }
        print_json(told)
    elif outcome.error:
        click.echo(f"{printable(path)}: {outcome.error}", err=True)
    else:
        click.echo(f"{outcome.image_id}  {printable(path)}")


class _Sent:
    """How many files are done, told to a bar."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self.done = 0
        self._bar, self._task = bar, task

    def advance(self, outcome: Outcome) -> None:
        """Count one more."""
        self.done += 1
        self._bar.update(self._task, advance=outcome.size_bytes, done=self.done)


@contextlib.contextmanager
def _progress(files: list[Path]) -> Iterator[_Sent]:
    """Show how far it is and how long it will take, where somebody looks."""
    from rich import progress

    bar = progress.Progress(
        progress.TextColumn("Uploading"),
        progress.BarColumn(),
        progress.TextColumn("{task.fields[done]:,}/{task.fields[count]:,}"),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console(stderr=True),
        refresh_per_second=_REFRESHES_PER_S,
        disable=not sys.stderr.isatty(),
        transient=True,
        # Elsewhere than into a terminal the lines must go where they are sent.
        redirect_stdout=sys.stdout.isatty(),
    )
    total = sum(_size_of(path) for path in files)
    with bar:
        yield _Sent(bar, bar.add_task("", total=total, done=0, count=len(files)))


def _size_of(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0


def _is_single(source: str) -> bool:
    return source == STDIN or source.lower().startswith(("http://", "https://"))


def _files(source: str, *, recursive: bool) -> Iterator[Path]:
    """Yield the files that an argument stands for; what is not there is uploaded in vain."""
    path = Path(source)
    if path.is_dir():
        if not recursive:
            raise click.UsageError(f"{source} is a folder: add --recursive")
        yield from _pictures_in(path)
    elif not path.exists() and _MAGIC & set(source):
        yield from _matching(source, recursive=recursive)
    elif _is_single(source):
        raise click.UsageError(f"{source} can only be given alone")
    else:
        yield path


def _matching(pattern: str, *, recursive: bool) -> Iterator[Path]:
    import glob

    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns, too
    if not found:
        fail(EXIT_FAILED, f"nothing is called {pattern}")
    for each in found:
        if Path(each).is_file():
            yield Path(each)
        elif recursive:
            yield from _pictures_in(Path(each))


def _pictures_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder that are called as pictures are, hidden ones not."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.rpartition(".")[2].lower() in EXTENSIONS and not name.startswith("."):
                yield Path(root, name)


def _pairs(attributes: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for each in attributes:
        key, equals, value = each.partition("=")
        if not equals or not key:
            raise click.UsageError(f"--attribute {each!r} must be NAME=TEXT")
        pairs[key] = value
    return pairs
