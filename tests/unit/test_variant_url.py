"""Paths of variants: how they are read, from other builders too."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.formats import Format
from image_service.domain.image import ImageRef
from image_service.domain.signing import Signer, SigningKey
from image_service.domain.transform import Gravity, Padding, Transform, Trim, Watermark
from image_service.domain.transform_options import Asked
from image_service.domain.variant_url import (
    MAX_PATH_CHARACTERS,
    VariantRequest,
    read_path,
)
from image_service.errors import Forbidden, ImageServiceError, InvalidArgument, InvalidImageId

ID = "img_1700000000000_abcdefghij0123456789"
KEY = SigningKey(bytes.fromhex("736563726574"), bytes.fromhex("68656C6C6F"))
SIGNER = Signer([KEY], allow_unsigned=False)
OPEN = Signer([], allow_unsigned=True)


def encoded(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read(rest: str, **presets: str) -> VariantRequest:
    """Read what comes after a signature; a signed path gives the same."""
    request = read_path(f"_/{rest}", OPEN, presets)
    assert request == read_path(f"{SIGNER.sign('/' + rest)}/{rest}", SIGNER, presets)
    return request


# Sources, and the format their extension asks for.
ENCODED = encoded(ID)
LOCAL = encoded(f"local:///{ID}")
SOURCES: dict[str, Format | None] = {
    f"plain/{ID}": None,
    f"plain/{ID}@": None,
    f"plain/{ID}@png": Format.PNG,
    f"plain/{ID}@JPEG": Format.JPEG,
    f"plain/{ID}@%70ng": Format.PNG,
    f"plain/local:///{ID}": None,
    f"plain/local:///{ID}@webp": Format.WEBP,
    f"plain/local%3A%2F%2F%2F{ID}@avif": Format.AVIF,
    f"plain/%69{ID[1:]}": None,
    ENCODED: None,
    f"{ENCODED}.": None,
    f"{ENCODED}.gif": Format.GIF,
    f"{encoded(ID[:-1])}==.png": Format.PNG,
    LOCAL: None,
    f"{LOCAL}.png": Format.PNG,
    f"{LOCAL[:16]}/{LOCAL[16:32]}/{LOCAL[32:]}.jpg": Format.JPEG,
    f"{LOCAL[:1]}/{LOCAL[1:]}/.png": Format.PNG,
    f"{LOCAL[:7]}/{LOCAL[7:]}=": None,
}


@pytest.mark.parametrize(("source", "format_"), SOURCES.items(), ids=str)
@pytest.mark.parametrize("options", ["", "rs:fill:300:400/q:80/"], ids=["", "options"])
def test_a_source_can_be_plain_or_base64_with_an_extension(
    source: str, format_: Format | None, options: str
) -> None:
    sized: dict[str, Any] = {"resizing_type": "fill", "width": 300, "height": 400, "quality": 80}
    request = read(options + source)
    assert request.source.id in (ID, ID[:-1])
    assert request.source.extension is None
    expected = Transform(format=format_, **(sized if options else {}))
    assert request.asked == Asked(expected)


def test_an_id_may_have_an_extension_of_its_own() -> None:
    assert read(f"plain/{ID}.jpg@png").source == ImageRef(ID, "jpg")
    assert read(f"{encoded(ID + '.jpg')}.png").source == ImageRef(ID, "jpg")
    assert read(f"plain/local:///{ID}.jpg").asked.transform.format is None


def test_an_extension_wins_over_a_format() -> None:
    assert read(f"f:png/plain/{ID}@webp").asked.transform.format == Format.WEBP
    assert read(f"f:png/{ENCODED}.webp").asked.transform.format == Format.WEBP
    assert read(f"f:png/plain/{ID}").asked.transform.format == Format.PNG


def test_options_may_be_percent_encoded() -> None:
    assert read(f"rs%3Afill%3a300/plain/{ID}") == read(f"rs:fill:300/plain/{ID}")
    assert read(f"fn:100%25%20%C3%A9.jpg/plain/{ID}").asked.filename == "100% é.jpg"
    assert read(f"fn:a%2Fb/plain/{ID}").asked.filename == "a/b"
    # Decoded once, not twice.
    assert read(f"fn:a%2541/plain/{ID}").asked.filename == "a%41"


def test_presets_reach_a_path() -> None:
    assert read(f"pr:small/plain/{ID}", small="w:5", default="q:9").asked == Asked(
        Transform(width=5, quality=9)
    )


REFUSED: list[tuple[str, type[ImageServiceError], str]] = [
    ("rs:fit:1:1", InvalidArgument, "source"),
    ("rs:fit:1:1/", InvalidImageId, ""),
    ("", InvalidImageId, ""),
    ("plain", InvalidArgument, "source"),
    ("plain/", InvalidImageId, ""),
    ("plain/@png", InvalidImageId, ""),
    (".png", InvalidImageId, ""),
    ("/plain/" + ID, InvalidArgument, "source"),
    (f"rs:fit:1:1//plain/{ID}", InvalidArgument, "source"),
    (f"plain/{ID}/", InvalidImageId, ""),
    (f"plain//{ID}", InvalidImageId, ""),
    (f"plain/{ID[:20]}-", InvalidImageId, ""),
    (ENCODED[:-2], InvalidArgument, "source"),
    (f"plain/local:/{ID}", InvalidImageId, ""),
    (f"plain/local://{ID}", InvalidArgument, "source"),
    (f"plain/local:////{ID}", InvalidImageId, ""),
    (f"plain/local:///local:///{ID}", InvalidArgument, "source"),
    (f"plain/local:///http://x/{ID}", InvalidArgument, "source"),
    (f"plain/LOCAL:///{ID}", InvalidArgument, "source"),
    (f"plain/local:///../{ID}", InvalidImageId, ""),
    ("plain/local:///etc/passwd", InvalidImageId, ""),
    (f"plain/http://example.com/{ID}", InvalidArgument, "source"),
    ("plain/https%3A%2F%2Fexample.com", InvalidArgument, "source"),
    (f"plain/s3://bucket/{ID}", InvalidArgument, "source"),
    (f"plain/file:///{ID}", InvalidArgument, "source"),
    (encoded("http://169.254.169.254/latest/meta-data"), InvalidArgument, "source"),
    (encoded(f"local:///http://{ID}"), InvalidArgument, "source"),
    (f"enc/{LOCAL}", InvalidArgument, "source"),
    (f"{ENCODED}.png.jpg", InvalidArgument, "extension"),
    (f"plain/{ID}@png@jpg", InvalidArgument, "extension"),
    (f"plain/{ID}@@png", InvalidArgument, "extension"),
    (f"plain/{ID}%40png", InvalidImageId, ""),
    (f"plain/{ID}@tiff", InvalidArgument, "extension"),
    (f"{ENCODED}.heic", InvalidArgument, "extension"),
    (f"{ENCODED}.best", InvalidArgument, "extension"),
    (f"plain/{ID}%00", InvalidImageId, ""),
    (f"plain/{ID}%FF", InvalidArgument, "path"),
    (f"plain/{ID}@%FF", InvalidArgument, "path"),
    (f"fn:%FF/plain/{ID}", InvalidArgument, "path"),
    (f"plain/%2569{ID[1:]}", InvalidImageId, ""),
    (f"{ENCODED}%3D", InvalidArgument, "source"),
    (f"{ENCODED[:9]}={ENCODED[9:]}", InvalidArgument, "source"),
    (f"{ENCODED[:9]} {ENCODED[9:]}", InvalidArgument, "source"),
    (ENCODED + "A", InvalidImageId, ""),
    (encoded(b"\xff" * 9), InvalidArgument, "source"),
    ("é", InvalidArgument, "source"),
    (f"w:-1/plain/{ID}", InvalidArgument, "width"),
    (f"fit/300/400/sm/0/plain/{ID}", InvalidArgument, "source"),
]


@pytest.mark.parametrize(("rest", "error", "argument"), REFUSED, ids=ascii)
def test_a_path_that_names_no_picture_here_is_refused(
    rest: str, error: type[ImageServiceError], argument: str
) -> None:
    for path, signer in ((f"_/{rest}", OPEN), (f"{SIGNER.sign('/' + rest)}/{rest}", SIGNER)):
        with pytest.raises(error) as raised:
            read_path(path, signer)
        assert type(raised.value) is error
        assert getattr(raised.value, "argument", "") == argument


def test_the_signature_is_looked_at_before_anything_else() -> None:
    for rest in ("", "w:-1", f"plain/{ID}", "plain/http://example.com", "fn:%FF", "/", "//"):
        for signature in ("", "insecure", "A" * 43, SIGNER.sign(rest), SIGNER.sign("/")):
            if SIGNER.sign(f"/{rest}") != signature:
                with pytest.raises(Forbidden):
                    read_path(f"{signature}/{rest}", SIGNER)
    with pytest.raises(Forbidden):
        read_path(SIGNER.sign(""), Signer([], allow_unsigned=False))


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        ("w:5", "w:6"),
        ("w:5", "w:5/w:6"),
        ("w:5", ""),
        ("w:5", "w%3A5"),
        ("w%3A5", "w:5"),
        ("w:5/h:6", "w:5//h:6"),
        ("cb:a", "cb:A"),
        ("cb:%C3%A9", "cb:%c3%a9"),
    ],
)
def test_a_signed_path_holds_for_its_very_letters(signed: str, sent: str) -> None:
    signature = SIGNER.sign(f"/{signed}/plain/{ID}")
    assert read_path(f"{signature}/{signed}/plain/{ID}", SIGNER).source == ImageRef(ID, None)
    with pytest.raises(Forbidden):
        read_path(f"{signature}/{sent}/plain/{ID}", SIGNER)


def test_the_longest_path_is_read_and_a_longer_one_is_not() -> None:
    rest = f"/plain/{ID}"
    longest = "_/cb:" + "x" * (MAX_PATH_CHARACTERS - len(rest) - 5) + rest
    assert len(longest) == MAX_PATH_CHARACTERS == 4096
    assert read_path(longest, OPEN).source.id == ID
    with pytest.raises(InvalidArgument, match="longer than 4096"):
        read_path("_" + longest, OPEN)


@given(
    st.lists(
        st.sampled_from(
            [
                "_",
                "/",
                "plain",
                ID,
                ENCODED,
                "local:///",
                "w:5",
                "@",
                ".",
                "png",
                ":",
                "=",
                "%",
                "%3A",
                "%FF",
                "%2F",
                "é",
                "\ud800",
                "\n",
                "//",
                "http://",
            ]
        ),
        max_size=12,
    ).map("".join)
    | st.text()
)
def test_no_path_raises_more_than_a_refusal(path: str) -> None:  # fmt: skip
    for signer in (OPEN, SIGNER):
        try:
            request = read_path(path, signer)
        except (Forbidden, InvalidArgument, InvalidImageId):
            continue
        assert request.source.id == ID


# What third-party builders made of these wishes, signed with KEY: @imgproxy/imgproxy-node 1.1.0
# (over @imgproxy/imgproxy-js-core 1.9.0) and, from PyPI, imgproxy 1.0.0. The source is ID or
# local:///ID, plain or in base64. Each: wish, signature, options, source, expected.
NODE = "imgproxy-node 1.1.0, js-core 1.9.0"
PYPI = "imgproxy 1.0.0"
PLAIN_ID, PLAIN_LOCAL = f"plain/{ID}", f"plain/local:///{ID}"
BUILT: list[tuple[str, str, str, str, str, Asked]] = [
    (NODE, "no options at all", "Q_xCA4DNkJ-JJOs0v26MaJGpCR71GJew4Cwqs7gCcz8", "",
     PLAIN_LOCAL, Asked()),
    (NODE, "resize with all arguments", "TJsja5557xOMxS08-2CwzCAXsiD9st7MCQGUrd77K24",
     "rs:fill-down:300:400:t:t:noea:10:0.25/",
     PLAIN_ID, Asked(Transform(resizing_type="fill-down", width=300, height=400, enlarge=True,
         extend=Gravity("noea", 10, 0.25)))),
    (NODE, "size with enlarge, without height", "5zRhJFRd3oQ-7ADubCBqUxexIUTfaEFO11TDE172hEQ",
     "s:300::f/",
     PLAIN_LOCAL, Asked(Transform(width=300))),
    (NODE, "sides, least sides, type, enlarge", "vLqc-UnlOGkzy8tke3VwB_ozqKQhBJL0e-skzyLjiQY",
     "el:t/h:20/mh:6/mw:5/rt:force/w:10/",
     LOCAL, Asked(Transform("force", 10, 20, 5, 6, enlarge=True))),
    (NODE, "zoom of both sides", "CLj6e6nHP6ZkazXAnuVjjJS58a187I2PCQEijU6D8ZA", "z:0.5:2/",
     ENCODED, Asked(Transform(zoom_x=0.5, zoom_y=2))),
    (NODE, "dpr of 4/3", "pTSAb56CngJx6s4JURnwBe2P8LDpxzf5C4o-ShbxIR8", "dpr:1.3333333333333333/",
     LOCAL, Asked(Transform(dpr=4 / 3))),
    (NODE, "extend aspect ratio, to the south", "g9wK9q1r0hhCUafWgsVi318RwyIVmdTFFevWfe_CRNI",
     "exar:t:so::7/",
     PLAIN_LOCAL, Asked(Transform(extend_aspect_ratio=Gravity("so", 0, 7)))),
    (NODE, "focus point at thirds", "FdHqrHKbthl6WVLxX4vZZdqZ8J77utsu3fetM3Mx13I",
     "g:fp:0.3333333333333333:0.6666666666666666/",
     LOCAL, Asked(Transform(gravity=Gravity("fp", 1 / 3, 2 / 3)))),
    (NODE, "crop with gravity", "eAfqY3mrJTazpTXarve9rGeTde30ec5-LYMyWDGjFKE", "c:100:200:soea:4/",
     PLAIN_LOCAL, Asked(Transform(crop_width=100, crop_height=200, crop_gravity=Gravity("soea",
         4)))),
    (NODE, "trim with all arguments", "2E_bz8iysBrE4kP3KEHeBwx6vVhPrg221sOqmeCyTYQ",
     "t:10.5:ff8800:t:f/",
     PLAIN_ID, Asked(Transform(trim=Trim(10.5, (255, 136, 0), True)))),
    (NODE, "padding at the top and left", "Spp-tKP8lo23Kknwjpu2_7qu1tELZNTGJwZjIg1mXME",
     "pd:1:::4/",
     LOCAL, Asked(Transform(padding=Padding(1, 1, 1, 4)))),
    (NODE, "flip horizontally", "mYtw99dPGZ-NGHl9qp3tS7BRTdccB5Oonwxf841nPrQ", "fl:t:f/",
     PLAIN_LOCAL, Asked(Transform(flip_horizontal=True))),
    (NODE, "rotate by 270", "QAnoWxUOXE_xjC41on-rVZd2Yt2v0oFJTRNmlR6MMQU", "rot:270/",
     PLAIN_LOCAL, Asked(Transform(rotate=270))),
    (NODE, "background of r, g, b", "FQzHFXfOoJ1ey5oeVG2vnC8nYoeiPDAjjKqqt93P3YY", "bg:1:2:3/",
     PLAIN_ID, Asked(Transform(background=(1, 2, 3)))),
    (NODE, "adjust without contrast", "1riw6cqBwT2dQHMHtkb1Lzm71H0Jol4oWkB_8_f9a0c", "a:-10::1.5/",
     ENCODED, Asked(Transform(brightness=-10, saturation=1.5))),
    (NODE, "blur, sharpen, pixelate", "Whr439WYU1J-VzwAJ4hvCet4ugPHPlaBn55VaoLER4s",
     "bl:2.5/pix:4/sh:0.7/",
     PLAIN_LOCAL, Asked(Transform(blur=2.5, sharpen=0.7, pixelate=4))),
    (NODE, "watermark with all arguments", "u9ZjuhpZXsNWCeuXbUDBqwhqFj5tHTDLyEEQV8gyr9o",
     "wm:0.5:soea:10:-5:0.2/",
     LOCAL, Asked(Transform(watermark=Watermark(0.5, Gravity("soea", 10, -5), 0.2)))),
    (NODE, "keep metadata and profile", "IXUtX3tKW-ZyccfpqfFL3b7iWF3XjjmMU2BpawumSJk",
     "kcr:f/scp:f/sm:f/",
     PLAIN_ID, Asked(Transform(strip_metadata=False, keep_copyright=False,
         strip_color_profile=False))),
    (NODE, "quality by format", "IwKYiRyHD5J5kY-dFPjAN1gdJ4PWf_pPOyCirDUKGM0", "fq:jpg:70:avif:50/",
     PLAIN_ID, Asked(Transform(format_quality=((Format.JPEG, 70), (Format.AVIF, 50))))),
    (NODE, "two presets", "qtOSWQb6CmeBm9WqLWFy6LO_6tGe4DBd80QxP6Be-10", "pr:small:sharp/",
     PLAIN_LOCAL, Asked(Transform(width=100, height=100, sharpen=0.7))),
    (NODE, "expires in 2100", "M3Sq2wN1Zv0SGQmQmp09_z2VqcwYs1MKa_8y_koNDO0", "exp:4102444800/",
     ENCODED, Asked(expires_s=4102444800)),
    (NODE, "filename in base64", "oQ49bkp6ckBt4SetDBU5embg07k-olQlfJpM6FK-7EA",
     "fn:YTpiL8OpLmpwZw:t/",
     PLAIN_LOCAL, Asked(filename="a:b/é.jpg")),
    (NODE, "attachment", "ng3uSAFKwunKfmIE0KaiyAFTOf5QpMDSsseXmB0qlN8", "att:t/",
     LOCAL, Asked(is_attachment=True)),
    (NODE, "raw", "HuUQRK_b0aze4Q2BCUx7TkNepWnT27FzuP4gtrbld-8", "raw:t/",
     PLAIN_LOCAL, Asked(is_raw=True)),
    (PYPI, "nothing", "t3ydGkxQh5QbBIyyLA_a7YGim5Cwo2gGmwqEGxSsjeM", "g:ce/rs:fit:0:0:0/",
     ENCODED, Asked(Transform())),
    (PYPI, "smart gravity, two more options", "RpfvTq7GRaGY7Humnv4KTSrkVjHEvsiKphHXWkUcKJ4",
     "q:80/dpr:2/g:sm/rs:fit:0:400:1/",
     ENCODED, Asked(Transform(height=400, enlarge=True, gravity=Gravity("sm"), quality=80, dpr=2))),
    (PYPI, "a corner, as webp", "zhPXgDaB6iRcFbYc2wEinbmVY2No-zggEaUZGLBnhSs",
     "q:80/dpr:2/g:noea/rs:auto:0:400:1/",
     f"{ENCODED}.webp", Asked(Transform("auto", 0, 400, enlarge=True, gravity=Gravity("noea"),
         quality=80, dpr=2, format=Format.WEBP))),
    (PYPI, "focus, padding, background, as webp", "quu0KGZQJblsZ3H01fO6vp6OpsCQLI0LfdLsDSvbcYA",
     "pd:1:2/bg:f80/g:fp:0.25:0.75/rs:auto:300:400:1/",
     f"{LOCAL}.webp", Asked(Transform("auto", 300, 400, enlarge=True, gravity=Gravity("fp", 0.25,
         0.75), padding=Padding(1, 2, 1, 2), background=(255, 136, 0), format=Format.WEBP))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("builder", "wish", "signature", "options", "source", "expected"), BUILT, ids=str
)
def test_what_other_builders_make_is_believed_and_read(
    builder: str, wish: str, signature: str, options: str, source: str, expected: Asked
) -> None:
    presets = {"small": "rs:fit:100:100", "sharp": "sh:0.7"}
    request = read_path(f"{signature}/{options}{source}", SIGNER, presets)
    assert request == VariantRequest(ImageRef(ID, None), expected)
