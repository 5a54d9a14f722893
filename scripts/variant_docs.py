"""Write docs/options.md: what each option of a variant's URL makes; --check looks at its text.

python -m scripts.variant_docs [--check]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from image_service.domain.formats import Format, sniff
from image_service.domain.strip import Strip
from image_service.domain.transform_options import parse_options
from image_service.imaging.examine import examine, set_up
from image_service.imaging.limits import Limits
from image_service.imaging.render import Source, render
from scripts.paths import ROOT

PAGE = ROOT / "docs" / "options.md"
PICTURES = ROOT / "docs" / "options"
PHOTOS = ROOT / "examples" / "photos"
QUALITY = 75
HEAD = """# What each option does

Written by `python -m scripts.variant_docs`, pictures included; what the options take is in
[variants.md](variants.md). The originals are in `examples/photos`.

| options | picture | |
|---|---|---|
"""


@dataclass(frozen=True)
class Example:
    """Options, what is to be seen, the photo they are used on, and what is done to that before."""

    name: str
    options: str
    told: str
    photo: str = "rocket.jpg"
    before: str = ""


EXAMPLES = (
    Example("fit", "rs:fit:200:200", "inside the size"),
    Example("fill", "rs:fill:200:200", "covers the size, and is cut"),
    Example("force", "rs:force:200:100", "stretched"),
    Example("auto", "rs:auto:200:120", "`fill`, for both lie"),
    Example("fill-down", "rs:fill-down:300:300", "its ratio, no enlarging", before="w:200"),
    Example("width", "w:200", "the height follows"),
    Example("height", "h:100", "the width follows"),
    Example("zoom", "w:200/z:0.5", "half of that"),
    Example("dpr", "w:100/dpr:2", "for a screen of two px a point"),
    Example("min-width", "w:60/h:120/mw:120", "enlarged to at least 120, then cut to 60"),
    Example("enlarge", "c:60:60/w:200/el:1", "beyond the original's size"),
    Example("extend", "rs:fit:200:200/ex:1/bg:dddddd", "filled up to the size"),
    Example("extend-ar", "rs:fit:200:200/exar:1:no/bg:dddddd", "filled up to its ratio"),
    Example("gravity", "rs:fill:120:200/g:ea", "the right edge stays"),
    Example("gravity-offset", "rs:fill:120:200/g:ea:40", "40 px from it"),
    Example("smart", "rs:fill:120:200/g:sm", "the most striking part", "chelsea.png"),
    Example("focus", "rs:fill:120:200/g:fp:0.1:0.5", "around a point"),
    Example("crop", "c:0.4:0.4:ce/w:200", "cut out before resizing"),
    Example("trim", "t:10", "its white frame is cut away", before="w:160/pd:30:20/bg:fff"),
    Example("padding", "w:160/pd:10:20/bg:336699", "room around"),
    Example("rotate", "h:200/rot:90", "clockwise"),
    Example("flip", "w:200/fl:1", "from left to right"),
    Example("background", "bg:ffcc00", "behind what is transparent", before="rs:fit:200:200/ex:1"),
    Example("brightness", "w:200/br:60", "lighter"),
    Example("contrast", "w:200/co:1.6", "more contrast"),
    Example("saturation", "w:200/sa:0", "no colour"),
    Example("blur", "w:200/bl:4", "by 4 px"),
    Example("sharpen", "w:200/sh:1.5", ""),
    Example("pixelate", "w:200/pix:10", "squares of 10 px"),
    Example("gradient", "w:200/gr:0.8:300060:up", "a colour from below"),
    Example("palette", "w:200/pngo:0:1:8/f:png", "eight colours"),
    Example("autoquality", "w:200/aq:dssim:0.05:20:90", "as little quality as that takes"),
    Example("quality", "w:200/q:10", "a quality of 10"),
    Example("max-bytes", "w:200/mb:3000", "at most 3,000 bytes"),
)


def main() -> int:
    """Write the page, or say whether its text is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    page = HEAD + "".join(map(_row, EXAMPLES))
    if options.check:
        missing = [e.name for e in EXAMPLES if not _picture(e).exists()]
        if PAGE.read_text(encoding="utf-8") == page and not missing:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date: run python -m scripts.variant_docs")
        return 1
    set_up(Limits())
    PICTURES.mkdir(exist_ok=True)
    for example in EXAMPLES:
        _picture(example).write_bytes(_made(example))
    PAGE.write_text(page, encoding="utf-8")
    return 0


def _row(example: Example) -> str:
    picture = _picture(example).relative_to(PAGE.parent).as_posix()
    return f"| `{example.options}` | ![{example.options}]({picture}) | {example.told} |\n"


def _picture(example: Example) -> Path:
    return PICTURES / f"{example.name}.{'png' if example.options.endswith('f:png') else 'jpg'}"


def _made(example: Example) -> bytes:
    data = (PHOTOS / example.photo).read_bytes()
    if example.before:
        data = _variant(data, example.before, Format.PNG)
    made = Format.PNG if _picture(example).suffix == ".png" else Format.JPEG
    return _variant(data, example.options, made)


def _variant(data: bytes, options: str, made: Format) -> bytes:
    format_ = sniff(data)
    assert format_
    facts = examine(data, format_, Limits(), strip_mode=Strip.NONE).facts
    asked = parse_options(options.split("/")).transform
    transform = replace(asked, format=made, quality=asked.quality or QUALITY)
    return render(Source(data, facts), transform, Limits()).data


if __name__ == "__main__":
    sys.exit(main())
