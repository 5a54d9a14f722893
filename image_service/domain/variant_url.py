"""The path of a variant: /{signature}/{options}/{source}, in imgproxy's grammar."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from ..errors import InvalidArgument
from .arguments import is_clean
from .image import ImageRef, parse_image_ref
from .option_values import from_base64, output_format
from .signing import Signer
from .transform_options import Asked, Presets, parse_options

MAX_PATH_CHARACTERS = 4096

_PLAIN = "plain"
_NO_SOURCE = "it is neither plain/ and an image id, nor that in URL-safe base64"
_LOCAL = "local:///"
# What a segment of a path may hold as it is (RFC 3986, pchar), but for "%" and "@".
_SAFE_IN_SEGMENT = "!$&'()*+,;=:-._~"


@dataclass(frozen=True)
class VariantRequest:
    """What a variant's path asks for."""

    source: ImageRef
    asked: Asked


def read_path(raw_path: str, signer: Signer, presets: Presets | None = None) -> VariantRequest:
    """Return what a path asks for, if its signature vouches for it.

    Args: raw_path: "signature/options/source" as it stands in the URL, percent-encoding and all.
    Raises: Forbidden, InvalidArgument, InvalidImageId.
    """
    _check_length(raw_path)
    signature, _, rest = raw_path.partition("/")
    # First of all: nothing about an unsigned path is worth a look, nor an answer that tells more.
    signer.verify(signature, "/" + rest)
    return _read(rest, presets)


def _check_length(raw_path: str) -> None:
    if len(raw_path) > MAX_PATH_CHARACTERS:
        raise InvalidArgument("path", f"it is longer than {MAX_PATH_CHARACTERS} characters")


def _read(rest: str, presets: Presets | None) -> VariantRequest:
    segments = rest.split("/")
    end = next((i for i, segment in enumerate(segments) if ":" not in unquote(segment)), None)
    if end is None:
        raise InvalidArgument("source", "the path ends before it names a picture")
    asked = parse_options([_decoded(segment) for segment in segments[:end]], presets)
    address, extension = _address(segments[end:])
    if extension:
        transform = replace(asked.transform, format=output_format("extension", extension))
        asked = replace(asked, transform=transform)
    return VariantRequest(_source(address), asked)


def _address(segments: list[str]) -> tuple[str, str]:
    """Return the source's address and the extension that is asked for, "" for none."""
    if segments[0] == _PLAIN and len(segments) > 1:
        address, *extensions = "/".join(segments[1:]).split("@")
        address = _decoded(address)
    else:
        encoded, *extensions = "".join(segments).split(".")
        address = from_base64("source", encoded, why=_NO_SOURCE)
    if len(extensions) > 1:
        raise InvalidArgument("extension", "there is more than one")
    return address, _decoded(extensions[0]) if extensions else ""


def _source(address: str) -> ImageRef:
    name = address.removeprefix(_LOCAL)
    if "://" in name:
        raise InvalidArgument("source", "only images stored here are served: give an image id")
    return parse_image_ref(name)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidArgument("path", "its percent-encoding is not UTF-8") from None


def split_options(options: str) -> list[str]:
    """Return the options of a URL one by one, without percent-encoding.

    Raises: InvalidArgument for what is no option but would begin the source.
    """
    parts = [_decoded(part) for part in options.split("/") if part]
    for part in parts:
        if ":" not in part or not is_clean(part):
            raise InvalidArgument("options", f"{part[:40]!r} is not an option with arguments")
    return parts


def make_path(image_id: str, options: str, signer: Signer, *, expires_s: int | None = None) -> str:
    """Return "/signature/options/source" for a variant, signed where there is a key.

    Args:
        options: as in a URL, "" for none. expires_s: Unix time, None for never.
    Raises: InvalidArgument, InvalidImageId.
    """
    parts = split_options(options)
    if expires_s is not None:
        parts.append(f"exp:{expires_s}")
    segments = [quote(part, safe=_SAFE_IN_SEGMENT) for part in parts]
    path = "/" + "/".join([*segments, _PLAIN, parse_image_ref(image_id).id])
    raw_path = signer.sign(path) + path
    _check_length(raw_path)
    return f"/{raw_path}"


def spell_options(transform: object) -> str:
    """Return a URL's options for what a caller gives: those, or a mapping of names to arguments.

    {"resize": ["fill", 300, 400], "quality": 80} is "resize:fill:300:400/quality:80".
    Raises: InvalidArgument.
    """
    if transform is None:
        return ""
    if isinstance(transform, str):
        return transform
    if not isinstance(transform, Mapping) or not all(_is_name(name) for name in transform):
        why = 'it must be options such as "rs:fill:300:400/q:80", or a mapping of them'
        raise InvalidArgument("transform", why)
    return "/".join(f"{name}:{_spelled(value)}" for name, value in transform.items())


def _is_name(name: object) -> bool:
    return isinstance(name, str) and not set("/:%") & set(name)


def _spelled(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ":".join(_spelled(item) for item in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    if value is None:
        return ""
    if not isinstance(value, (str, int, float)) or "/" in str(value):
        raise InvalidArgument("transform", "arguments must be text without slashes, or numbers")
    if isinstance(value, float) and math.isfinite(value):
        text = repr(value).removesuffix(".0")
        return f"{value:.20f}" if "e" in text else text
    # What a caller gives is meant as it is; in a URL's options "%" begins percent-encoding.
    return str(value).replace("%", "%25")
