"""Coverage-guided fuzzing of all that a worker does, by atheris, which is installed only for this.

pip install atheris; python -m tests.corpus.atheris_fuzz --seconds 60 --save FOLDER
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["image_service.imaging", "PIL"]):
    from image_service.domain.formats import sniff
    from image_service.domain.strip import Strip
    from image_service.errors import CorruptImage, LimitExceeded
    from image_service.imaging.examine import examine, set_up
    from image_service.imaging.limits import Limits

from .damage import SEEDS, seed

_LIMITS = Limits(max_pixels=100_000, max_side_px=4000, max_frames=10, max_frames_pixels=300_000)
_SIZE = (32, 24)
_STRIPS = tuple(Strip)
_LIBFUZZER = ("-timeout=10", "-rss_limit_mb=1500", "-max_len=65536", "-print_final_stats=1")


def look_at(data: bytes) -> None:
    """Look at data as a worker does; anything but a documented error ends the run."""
    format_ = sniff(data)
    if format_ is None:
        return
    try:
        facts = examine(data, format_, _LIMITS, strip_mode=_STRIPS[len(data) % len(_STRIPS)]).facts
    except (CorruptImage, LimitExceeded):
        return
    if facts.width * facts.height > _LIMITS.max_pixels or facts.orientation not in range(1, 9):
        raise AssertionError(f"nonsense was told: {facts}")


def main() -> None:
    """Fuzz for so many seconds; what fails is kept in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--save", type=Path, default=Path(tempfile.gettempdir()) / "fuzz")
    options = parser.parse_args()
    corpus = options.save / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(SEEDS):
        (corpus / f"seed-{number:02}").write_bytes(seed(name, _SIZE))
    warnings.simplefilter("ignore")
    set_up(_LIMITS)
    arguments = [f"-max_total_time={options.seconds}", f"-artifact_prefix={options.save}/"]
    atheris.Setup([sys.argv[0], str(corpus), *arguments, *_LIBFUZZER], look_at)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
