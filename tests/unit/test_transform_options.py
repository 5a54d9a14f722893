"""What a variant's options ask for: every one of them, and everything that is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.formats import Format
from image_service.domain.transform import (
    RESIZING_TYPES,
    AutoQuality,
    Gradient,
    Gravity,
    Padding,
    Transform,
    Trim,
    Watermark,
)
from image_service.domain.transform_options import _TABLE, Asked, parse_options
from image_service.errors import InvalidArgument

CE = Gravity()
LONG = base64.urlsafe_b64encode("Ufer: 5/6 é.jpg".encode()).decode().rstrip("=")


def read(*parts: str) -> Transform:
    return parse_options(parts).transform


# Arguments, and the fields they set.
READ: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "resize": [
        ("fill:300:400", {"resizing_type": "fill", "width": 300, "height": 400}),
        ("fill-down:300:400:1", {"resizing_type": "fill-down", "width": 300, "height": 400,
                                 "enlarge": True}),
        ("force:1:16384:0:1:noea:10:0.5", {"resizing_type": "force", "width": 1, "height": 16384,
                                           "enlarge": False, "extend": Gravity("noea", 10, 0.5)}),
        ("", {}),
        (":::", {}),
        ("::7", {"height": 7}),
        (":::::::", {}),
        ("auto::::1:fp:0.2:0.8", {"resizing_type": "auto", "extend": Gravity("fp", 0.2, 0.8)}),
    ],
    "size": [
        ("300:400", {"width": 300, "height": 400}),
        (":5", {"height": 5}),
        ("0:0:t:f", {"enlarge": True}),
        ("", {}),
        ("1:2::1::", {"width": 1, "height": 2, "extend": CE}),
    ],
    "resizing_type": [(kind, {"resizing_type": kind}) for kind in RESIZING_TYPES],
    "width": [("0", {"width": 0}), ("+5", {"width": 5}), ("16384", {"width": 16384})],
    "height": [("0", {"height": 0}), ("007", {"height": 7}), ("16384", {"height": 16384})],
    "min-width": [("0", {}), ("16384", {"min_width": 16384})],
    "min-height": [("0", {}), ("16384", {"min_height": 16384})],
    "zoom": [
        ("1.5", {"zoom_x": 1.5, "zoom_y": 1.5}),
        ("0.01:100", {"zoom_x": 0.01, "zoom_y": 100.0}),
        (".5:2.", {"zoom_x": 0.5, "zoom_y": 2.0}),
    ],
    "dpr": [("2", {"dpr": 2.0}), ("0.01", {"dpr": 0.01}), ("1.3333333333333333", {"dpr": 4 / 3})],
    "enlarge": [("1", {"enlarge": True}), ("true", {"enlarge": True}), ("F", {"enlarge": False})],
    "extend": [
        ("1", {"extend": CE}),
        ("t:so::7", {"extend": Gravity("so", 0, 7)}),
        ("1:fp:0:1", {"extend": Gravity("fp", 0, 1)}),
        ("0:so", {"extend": None}),
        ("1:::", {"extend": CE}),
    ],
    "extend_aspect_ratio": [
        ("1", {"extend_aspect_ratio": CE}),
        ("T:we:-3", {"extend_aspect_ratio": Gravity("we", -3)}),
        ("false", {"extend_aspect_ratio": None}),
    ],
    "gravity": [
        *((kind, {"gravity": Gravity(kind)})
          for kind in ("ce", "no", "so", "ea", "we", "noea", "nowe", "soea", "sowe", "sm")),
        ("nowe:-10:0.25", {"gravity": Gravity("nowe", -10, 0.25)}),
        ("ea::5", {"gravity": Gravity("ea", 0, 5)}),
        ("fp:0:1", {"gravity": Gravity("fp", 0, 1)}),
        ("fp:0.3333333333333333:0.30000000000000004", {"gravity": Gravity("fp", 1 / 3, 0.1 + 0.2)}),
    ],
    "crop": [
        ("100:0.5", {"crop_width": 100.0, "crop_height": 0.5}),
        ("100::::", {"crop_width": 100.0, "crop_height": 0.0}),
        (":7", {"crop_height": 7.0}),
        ("", {}),
        ("1:2:soea:4", {"crop_width": 1.0, "crop_height": 2.0, "crop_gravity": Gravity("soea", 4)}),
        ("1:2:sm", {"crop_width": 1.0, "crop_height": 2.0, "crop_gravity": Gravity("sm")}),
    ],
    "trim": [
        ("0", {"trim": Trim(0)}),
        ("10.5:F80:1:0", {"trim": Trim(10.5, (255, 136, 0), True, False)}),
        ("255::0:t", {"trim": Trim(255, None, False, True)}),
        ("", {"trim": None}),
    ],
    "padding": [
        ("1", {"padding": Padding(1, 1, 1, 1)}),
        ("1:2", {"padding": Padding(1, 2, 1, 2)}),
        ("1:2:3", {"padding": Padding(1, 2, 3, 2)}),
        ("1:2:3:4", {"padding": Padding(1, 2, 3, 4)}),
        (":::4", {"padding": Padding(0, 0, 0, 4)}),
        ("1:::4", {"padding": Padding(1, 1, 1, 4)}),
        ("9:0:0:0", {"padding": Padding(9, 0, 0, 0)}),
        ("", {}),
    ],
    "auto_rotate": [("0", {"auto_rotate": False}), ("1", {"auto_rotate": True})],
    "rotate": [
        ("0", {"rotate": 0}), ("90", {"rotate": 90}), ("180", {"rotate": 180}),
        ("270", {"rotate": 270}), ("-90", {"rotate": 270}), ("450", {"rotate": 90}),
        ("3600", {"rotate": 0}),
    ],
    "flip": [
        ("1", {"flip_horizontal": True}),
        (":1", {"flip_vertical": True}),
        ("1:1", {"flip_horizontal": True, "flip_vertical": True}),
        ("", {}),
    ],
    "background": [
        ("ff8800", {"background": (255, 136, 0)}),
        ("f80", {"background": (255, 136, 0)}),
        ("0:128:255", {"background": (0, 128, 255)}),
        ("", {"background": None}),
    ],
    "adjust": [
        ("-10:1.5:0", {"brightness": -10, "contrast": 1.5, "saturation": 0.0}),
        ("::2", {"saturation": 2.0}),
        ("", {}),
    ],
    "brightness": [("-255", {"brightness": -255}), ("255", {"brightness": 255})],
    "contrast": [("0", {"contrast": 0.0}), ("100", {"contrast": 100.0})],
    "saturation": [("0", {"saturation": 0.0}), ("1.25", {"saturation": 1.25})],
    "blur": [("2.5", {"blur": 2.5}), ("0", {"blur": 0.0}), ("100", {"blur": 100.0})],
    "sharpen": [("0.7", {"sharpen": 0.7}), ("100", {"sharpen": 100.0})],
    "pixelate": [("4", {"pixelate": 4}), ("0", {"pixelate": 0})],
    "gradient": [
        ("0.5", {"gradient": Gradient(0.5)}),
        ("1:f00:left:0.25:0.75", {"gradient": Gradient(1, (255, 0, 0), 90, 0.25, 0.75)}),
        ("1::-90", {"gradient": Gradient(1, angle=270)}),
        ("0:fff", {"gradient": None}),
    ],
    "autoquality": [
        ("none", {"auto_quality": None}),
        ("", {"auto_quality": None}),
        ("dssim", {"auto_quality": AutoQuality("dssim", 0.02, 70, 80)}),
        ("dssim:0.01:50:95:0.001", {"auto_quality": AutoQuality("dssim", 0.01, 50, 95)}),
        ("size:30000:10", {"auto_quality": AutoQuality("size", 30000, 10, 80)}),
    ],
    "png_options": [
        ("0:1", {"colors": 256}),
        ("f:t:16", {"colors": 16}),
        ("", {"colors": 0}),
        ("0:0:16", {"colors": 0}),
    ],
    "watermark": [
        ("0.5", {"watermark": Watermark(0.5)}),
        ("1:re:3:4", {"watermark": Watermark(1, Gravity("re", 3, 4))}),
        ("0.5:soea:10:-5:0.2", {"watermark": Watermark(0.5, Gravity("soea", 10, -5), 0.2)}),
        ("0.5::::0.2", {"watermark": Watermark(0.5, CE, 0.2)}),
        ("0:no", {"watermark": None}),
    ],
    "watermark_url": [("", {}), ("bG9nbw", {"watermark_name": "logo"})],
    "strip_metadata": [("0", {"strip_metadata": False})],
    "keep_copyright": [("f", {"keep_copyright": False})],
    "strip_color_profile": [("False", {"strip_color_profile": False})],
    "quality": [("0", {}), ("1", {"quality": 1}), ("100", {"quality": 100})],
    "format_quality": [
        ("jpg:70", {"format_quality": ((Format.JPEG, 70),)}),
        ("jpeg:70:AVIF:0", {"format_quality": ((Format.JPEG, 70), (Format.AVIF, 0))}),
    ],
    "max_bytes": [("0", {}), ("20000", {"max_bytes": 20000})],
    "format": [
        ("jpg", {"format": Format.JPEG}), ("jpeg", {"format": Format.JPEG}),
        ("PNG", {"format": Format.PNG}), ("webp", {"format": Format.WEBP}),
        ("avif", {"format": Format.AVIF}), ("gif", {"format": Format.GIF}),
    ],
    "cachebuster": [("", {}), ("v2", {}), ("äöü / 100 %", {})],
}  # fmt: skip

# The fields of Asked rather than of its transform.
READ_ASKED: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "raw": [("1", {"is_raw": True}), ("0", {"is_raw": False})],
    "skip_processing": [("jpg:gif", {"skipped": (Format.JPEG, Format.GIF)})],
    "expires": [("0", {"expires_s": 0}), (str(2**53), {"expires_s": 2**53})],
    "filename": [
        ("100 %41.jpg", {"filename": "100 %41.jpg"}),
        ("sea.jpg:0", {"filename": "sea.jpg"}),
        (f"{LONG}:1", {"filename": "Ufer: 5/6 é.jpg"}),
        (f"{LONG}==:t", {"filename": "Ufer: 5/6 é.jpg"}),
        ("é" * 255, {"filename": "é" * 255}),
        ("", {"filename": ""}),
    ],
    "return_attachment": [("1", {"is_attachment": True}), ("0", {"is_attachment": False})],
}

# What each option refuses, and what its message says of the range.
BAD: dict[str, tuple[list[str], str]] = {
    "resize": (["fit:-1", "fit:16385", "fit:1:x", "fit:1:1:2", "fit:1:1:1:x", "cover:1:1",
                "fit:1:1:1:1:sm", "Fit:1:1"], "must be"),
    "size": (["-1", "1:16385", "1:1:yes", "1:1:1:1:re", "1:1:1:1:fp:0.5"], ""),
    "resizing_type": (["", "cover", "FIT", "fit "], "fit, fill, fill-down, force, auto"),
    "width": (["", "-1", "16385", "1.0", "1.5", "5px"], "from 0 to 16384"),
    "height": (["", "-1", "16385", "0x10"], "from 0 to 16384"),
    "min-width": (["", "-1", "16385"], "from 0 to 16384"),
    "min-height": (["", "-1", "16385"], "from 0 to 16384"),
    "zoom": (["", "0", "0.0099", "100.1", "1:", ":1", "-1"], "from 0.01 to 100"),
    "dpr": (["", "0", "0.0099", "100.01", "-1"], "from 0.01 to 100"),
    "enlarge": (["", "yes", "2", "tRUE", "on"], "1, t, true, 0, f or false"),
    "extend": (["", ":no", "yes", "1:sm", "1:re", "1::5", "1:no:16385", "1:fp", "1:fp:1.1:0"], ""),
    "extend_aspect_ratio": (["", "2", "1:sm", "1:re"], ""),
    "gravity": (["", "up", "re", "CE", "sm:0:0", "fp", "fp:0.5", "fp:0.5:", "fp:-0.1:0",
                 "fp:0:1.01", "no:16385", "no:0:-16385", "no:x"], ""),
    "crop": (["-1", "16385", "1:-0.5", "1:1:re", "1:1::5", "1:1:fp:2:2"], ""),
    "trim": (["-1", "256", "10:ff880", "10:red", "10::2", "10:::no"], ""),
    "padding": (["-1", "16385", "1.5", "1:2:3:x"], "from 0 to 16384"),
    "auto_rotate": (["", "-1"], "1, t, true, 0, f or false"),
    "rotate": (["", "45", "90.0", "3690", "-3690"], ""),
    "flip": (["2", "1:x", "horizontal"], "1, t, true, 0, f or false"),
    "background": (["ff88", "ff88001", "#fff", "red", "1:2", "1:2:256", "-1:2:3", "::"], ""),
    "adjust": (["-256", "256", "0:-1", "0:1:101", "1.5"], ""),
    "brightness": (["", "-256", "256", "1.5"], "from -255 to 255"),
    "contrast": (["", "-0.1", "100.1"], "from 0 to 100"),
    "saturation": (["", "-0.1", "100.1"], "from 0 to 100"),
    "blur": (["", "-0.1", "100.1"], "from 0 to 100"),
    "sharpen": (["", "-0.1", "100.1"], "from 0 to 100"),
    "pixelate": (["", "-1", "16385"], "from 0 to 16384"),
    "watermark": (["", "-0.1", "1.1", "1:sm", "1:fp:0:0", "1:ch", "1:no:16385", "1:no:::-1",
                   "1:no:::101"], ""),
    "watermark_url": (["logo!", "b", "_w", base64.urlsafe_b64encode(bytes(8)).decode(),
                       base64.urlsafe_b64encode(b"x" * 101).decode()], ""),
    "gradient": (["", "1.1", "0.5:red", "0.5::north", "0.5::361", "0.5:::2", "0.5::::-1"], ""),
    "autoquality": (["ml", "dssim:2", "size", "size:-1", "dssim::0", "dssim:::101",
                     "dssim::90:80"], ""),
    "png_options": (["1", "0:1:1", "0:1:257", "x", "0:x"], ""),
    "strip_metadata": (["", "no"], "1, t, true, 0, f or false"),
    "keep_copyright": (["", "no"], "1, t, true, 0, f or false"),
    "strip_color_profile": (["", "no"], "1, t, true, 0, f or false"),
    "quality": (["", "-1", "101", "80.5"], "from 0 to 100"),
    "format_quality": (["", "jpg", "jpg:101", "jpg:-1", "tiff:80", "jpg:80:png", ":80"], ""),
    "max_bytes": (["", "-1", str(2**31 + 1)], f"from 0 to {2**31}"),
    "format": (["", "tiff", "heic", "jxl", "image/png", ".png"], "jpg, png, webp, avif, gif"),
    "raw": (["", "yes"], "1, t, true, 0, f or false"),
    "skip_processing": (["", "jpg:", "svg"], "jpg, png, webp, avif, gif"),
    "expires": (["", "-1", str(2**53 + 1), "tomorrow"], f"from 0 to {2**53}"),
    "filename": (["a\nb", "a\x00", "x" * 256, "\ud800", "a:b", "?:1", "a:1", "_w:1", "CgAK:1"], ""),
    "return_attachment": (["", "yes"], "1, t, true, 0, f or false"),
}  # fmt: skip

MOST_ARGUMENTS = {
    "resize": 8, "size": 7, "zoom": 2, "extend": 4, "extend_aspect_ratio": 4, "gravity": 3,
    "crop": 5, "trim": 4, "padding": 4, "flip": 2, "background": 3, "adjust": 3, "watermark": 5,
    "filename": 2, "gradient": 5, "autoquality": 5, "png_options": 3,
}  # fmt: skip
MAY_BE_BARE = ("resize", "size", "padding", "crop", "flip", "trim", "background", "adjust",
               "cachebuster", "filename", "watermark_url", "skip_processing", "autoquality",
               "png_options")  # fmt: skip
UNLIMITED = ("format_quality", "skip_processing")
ALIASES = {names.split()[0]: names.split() for names, _ in _TABLE}
ONE_GOOD = {name: cases[-1][0] for name, cases in {**READ, **READ_ASKED}.items()}


def test_every_option_is_tested() -> None:
    assert set(READ) | set(READ_ASKED) == set(ALIASES)
    assert set(BAD) == set(ALIASES) - {"cachebuster"}
    everything = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(everything) == len(set(everything))


@pytest.mark.parametrize(
    ("alias", "arguments", "expected"),
    [(a, *case) for name, cases in READ.items() for a in ALIASES[name] for case in cases],
    ids=lambda v: ascii(v)[:40],
)
def test_an_option_changes_the_transform(
    alias: str, arguments: str, expected: dict[str, Any]
) -> None:
    assert parse_options([f"{alias}:{arguments}"]) == Asked(Transform(**expected))


@pytest.mark.parametrize(
    ("alias", "arguments", "expected"),
    [(a, *case) for name, cases in READ_ASKED.items() for a in ALIASES[name] for case in cases],
    ids=lambda v: ascii(v)[:40],
)
def test_an_option_changes_how_a_variant_is_sent(
    alias: str, arguments: str, expected: dict[str, Any]
) -> None:
    assert parse_options([f"{alias}:{arguments}"]) == Asked(Transform(), **expected)


@pytest.mark.parametrize(
    ("name", "alias", "arguments"),
    [(name, a, bad) for name, (bads, _) in BAD.items() for a in ALIASES[name] for bad in bads],
    ids=lambda v: ascii(v)[:40],
)
def test_a_bad_argument_is_refused_by_the_full_name(name: str, alias: str, arguments: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_options([f"{alias}:{arguments}"])
    assert raised.value.argument == name
    assert BAD[name][1] in str(raised.value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("name", sorted(set(ALIASES) - set(UNLIMITED)))
def test_one_argument_too_many_is_refused(name: str) -> None:
    most = MOST_ARGUMENTS.get(name, 1)
    arguments = [*ONE_GOOD[name].split(":"), *[""] * 9][:most]
    with pytest.raises(InvalidArgument, match=f"Invalid {name}: .*more than"):
        parse_options([":".join([name, *arguments, ""])])


@pytest.mark.parametrize("name", ALIASES)
def test_an_option_without_a_colon_has_no_arguments(name: str) -> None:
    if name in MAY_BE_BARE:
        assert parse_options([name]) == Asked()
    else:
        with pytest.raises(InvalidArgument, match=f"Invalid {name}: "):
            parse_options([name])


HOSTILE = [
    "nan", "NaN", "inf", "-inf", "Infinity", "1e9", "1e-1", "1E1", "１", "٣", "1_0", " 1", "1 ",
    "1\n", "\t1", "0x1", "1,5", "--1", "+-1", "+", "-", ".", "1.2.3", "9" * 16, "9" * 5000,
    "0." + "1" * 5000, "1/2", "½", "²", "True1", "1\x00", "\ud800",
]  # fmt: skip
NUMERIC = [
    "width", "height", "min-width", "min-height", "zoom", "dpr", "crop", "trim", "padding",
    "rotate", "brightness", "contrast", "saturation", "blur", "sharpen", "pixelate", "watermark",
    "quality", "max_bytes", "expires", "adjust", "gravity:no", "gravity:fp:0", "resize:fit",
    "format_quality:jpg", "background:1:2", "extend:1:no", "crop:1:1:ce", "watermark:1:no:1:1",
]  # fmt: skip


@pytest.mark.parametrize("option", NUMERIC)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda v: ascii(v)[:20])
def test_what_only_looks_like_a_number_is_refused(option: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        parse_options([f"{option}:{text}"])
    assert raised.value.argument == option.partition(":")[0]
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("part", ["", ":", "crop2:1", "W:1", " w:1", "rs ", "sp:jpg", "x" * 5000])
def test_an_unknown_option_is_refused(part: str) -> None:
    with pytest.raises(InvalidArgument, match="no such option") as raised:
        parse_options([part])
    assert len(raised.value.argument) <= 40


def test_later_options_win() -> None:
    assert read() == Transform()
    assert read("w:1", "rs:fill:2", "w:3", "s:4").width == 4
    assert read("rs:fill:1:2", "rs::5") == Transform(resizing_type="fill", width=5, height=2)
    assert read("g:no:5:5", "g:so").gravity == Gravity("so")
    assert read("c:1:2:no", "c:3").crop_gravity is None
    assert read("pd:1:2:3:4", "pd:9").padding == Padding(9, 9, 9, 9)
    assert read("ex:1:no", "ex:0").extend is None
    assert read("a:10:2", "br:0") == Transform(contrast=2.0)
    assert parse_options(["exp:1", "exp:2", "raw:1", "raw:0"]) == Asked(expires_s=2)


def test_format_qualities_are_merged_and_later_ones_win() -> None:
    merged = read("fq:jpg:70:png:80", "fq:webp:60:jpeg:10").format_quality
    assert dict(merged) == {Format.JPEG: 10, Format.PNG: 80, Format.WEBP: 60}
    assert read("fq:jpg:1:jpg:2").format_quality == ((Format.JPEG, 2),)


NAMES = st.sampled_from([alias for aliases in ALIASES.values() for alias in aliases])
WORDS = st.one_of(
    st.sampled_from(["", "0", "1", "t", "0.5", "-1", "no", "fp", "sm", "fit", "jpg", "f80"]),
    st.integers(-20000, 20000).map(str), st.floats().map(repr), st.text(max_size=5),
)  # fmt: skip
PARTS = st.builds(lambda name, words: ":".join([name, *words]), NAMES, st.lists(WORDS, max_size=9))


@given(st.lists(PARTS, max_size=4))
def test_no_options_raise_anything_but_invalid_argument(parts: list[str]) -> None:
    try:
        asked = parse_options(parts)
    except InvalidArgument as exc:
        named = exc.argument
    else:
        named = "resize"
        assert asked == parse_options([*parts, *parts[-1:]])
        assert Transform.from_json(asked.transform.to_json()) == asked.transform
    assert named in ALIASES
