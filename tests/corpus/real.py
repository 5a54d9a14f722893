"""Real pictures: those that installed packages bring, and a folder of one's own.

python -m tests.corpus.real FOLDER... checks that what Pillow shows is accepted, in its size.
"""

from __future__ import annotations

import collections
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import ImageOps

from image_service.domain.formats import Format, sniff
from image_service.errors import ImageServiceError
from image_service.imaging import decoders
from image_service.imaging.limits import Limits
from image_service.imaging.probe import probe, set_up

CORPUS_VARIABLE = "IMAGE_SERVICE_CORPUS"
_FOLDERS = {
    "skimage": ("data",),
    "sklearn": ("datasets/images",),
    "matplotlib": ("mpl-data/sample_data", "mpl-data/images"),
    "PIL": ("Tests/images",),
}


def package_folders() -> Iterator[Path]:
    """Yield the folders of installed packages that hold pictures."""
    for package, folders in _FOLDERS.items():
        spec = importlib.util.find_spec(package)
        for root in spec.submodule_search_locations or () if spec else ():
            yield from (path for name in folders if (path := Path(root) / name).is_dir())


def own_folders() -> Iterator[Path]:
    """Yield the folder that the environment names, if any."""
    if folder := os.environ.get(CORPUS_VARIABLE):
        yield Path(folder)


def pictures(folders: Iterable[Path]) -> Iterator[tuple[Path, Format]]:
    """Yield files of an accepted format anywhere below folders, in order."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (format_ := sniff(path.read_bytes()[:4096])):
                yield path, format_


def pillows_view(data: bytes, format_: Format, limits: Limits) -> tuple[int, int] | str:
    """Return the size in which Pillow shows data; in words, why it doesn't or need not."""
    try:
        with decoders.opened(data, format_) as picture:
            width, height = picture.size
            frames = getattr(picture, "n_frames", 1)
            if _is_beyond(width, height, frames, limits):
                return "beyond the limits"
            picture.load()
            return ImageOps.exif_transpose(picture).size
    except Exception as exc:  # noqa: BLE001 - whatever Pillow raises, it does not show it
        return f"Pillow fails: {exc!r}"


def _is_beyond(width: int, height: int, frames: int, limits: Limits) -> bool:
    return (
        max(width, height) > limits.max_side_px
        or width * height > limits.max_pixels
        or frames > limits.max_frames
        or (frames > 1 and frames * width * height > limits.max_frames_pixels)
    )


def our_view(data: bytes, format_: Format, limits: Limits) -> tuple[int, int] | str:
    """Return the size that the service tells of data; in words, why it refuses it."""
    try:
        facts = probe(data, format_, limits)
    except ImageServiceError as exc:
        return f"{exc.code}: {exc}"
    return facts.width, facts.height


def check(folders: Iterable[Path], limits: Limits) -> collections.Counter[str]:
    """Compare both views of every picture below folders; print where they differ, and count."""
    counts: collections.Counter[str] = collections.Counter()
    for path, format_ in pictures(folders):
        data = path.read_bytes()
        theirs, ours = pillows_view(data, format_, limits), our_view(data, format_, limits)
        verdict = "agree" if theirs == ours or isinstance(theirs, str) else "differ"
        if isinstance(theirs, str):
            verdict = "both refuse" if isinstance(ours, str) else "accepted by us alone"
        if verdict in ("differ", "accepted by us alone"):
            print(f"{path}\n    Pillow: {theirs}\n    service: {ours}")
        counts[verdict] += 1
        counts[format_.value] += 1
    return counts


def main(arguments: list[str]) -> int:
    """Check the folders named, or those of packages and of the environment."""
    set_up(Limits())
    folders = [Path(each) for each in arguments] or [*package_folders(), *own_folders()]
    counts = check(folders, Limits())
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())) or "no picture")
    return 1 if counts["differ"] or counts["accepted by us alone"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
