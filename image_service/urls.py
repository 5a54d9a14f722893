"""URLs of images and their variants, for programs that have the key and need not ask the service.

urls = VariantUrls("https://images.example.com", key="736563726574", salt="68656c6c6f")
urls.variant(image_id, "rs:fill:300:300/g:sm", extension="webp")
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .domain.image import parse_image_ref
from .domain.option_values import output_format
from .domain.original_url import original_path
from .domain.signing import Signer, SigningKey
from .domain.transform_options import parse_options
from .domain.variant_url import make_path, spell_options, split_options


class VariantUrls:
    """Builds URLs of one service, and signs those of variants."""

    def __init__(self, base_url: str, *, key: str = "", salt: str = "") -> None:
        """Args:
        base_url: what the service's urls begin with, as https://images.example.com.
        key, salt: hexadecimal, one pair of the service's signing_keys; empty for unsigned URLs.
        Raises: ValueError if they are no hexadecimal digits, or only one of them is given.
        """
        if bool(key) != bool(salt):
            raise ValueError("key and salt go together")
        keys = [SigningKey(bytes.fromhex(key), bytes.fromhex(salt))] if key else []
        self._signer = Signer(keys, allow_unsigned=not keys)
        self._base_url = base_url.rstrip("/")

    def original(self, image_id: str) -> str:
        """Return the URL of an image as it was uploaded. Raises: InvalidImageId."""
        return f"{self._base_url}/images/{quote(parse_image_ref(image_id).id)}"

    def signed_original(self, image_id: str, *, expires_in_s: int | None = None) -> str:
        """Return the same, signed, for a service with require_signed_originals.

        Args: expires_in_s: how long it is good for, None for ever.
        Raises: InvalidImageId.
        """
        expires_s = None if expires_in_s is None else int(time.time()) + expires_in_s
        path = original_path(parse_image_ref(image_id).id, self._signer, expires_s)
        return f"{self._base_url}{path}"

    def variant(
        self,
        image_id: str,
        transform: str | Mapping[str, Any],
        *,
        extension: str = "",
        expires_in_s: int | None = None,
    ) -> str:
        """Return the URL of a variant.

        Args:
            transform: options such as "rs:fill:300:400/q:80", or a mapping such as
                {"resize": ["fill", 300, 400], "quality": 80}.
            extension: jpg, png, webp, avif or gif; "" for what each client takes.
            expires_in_s: how long it is good for, None for ever.
        Raises: InvalidImageId; InvalidArgument for what is no option, presets excepted.
        """
        options = spell_options(transform)
        if extension:
            output_format("extension", extension)
            options = "/".join(filter(None, (options, f"f:{extension}")))
        parts = split_options(options)
        parse_options([part for part in parts if not part.startswith(("pr:", "preset:"))])
        expires_s = None if expires_in_s is None else int(time.time()) + expires_in_s
        path = make_path(image_id, options, self._signer, expires_s=expires_s)
        return f"{self._base_url}/img{path}"
