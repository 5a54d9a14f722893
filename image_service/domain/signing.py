"""Signatures of variant URLs: HMAC-SHA256 over salt and path, as imgproxy has them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..errors import Forbidden

UNSIGNED = "insecure"
"""What stands in a signature's place where none is needed."""

_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class SigningKey:
    """A key and the salt that goes with it."""

    key: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    def digest(self, path: str) -> bytes:
        """Return the 32 bytes that vouch for a path.

        Args: path: all that comes after the signature, as it stands in the URL, "/" first.
        """
        message = self.salt + path.encode(errors="surrogatepass")
        return hmac.new(self.key, message, hashlib.sha256).digest()


def read_keys(text: str) -> list[SigningKey]:
    """Return the keys that key:salt,key:salt spells in hexadecimal digits.

    Raises: ValueError, which repeats nothing of them.
    """
    keys = []
    for pair in text.split(",") if text.strip() else []:
        key, _, salt = (part.strip() for part in pair.partition(":"))
        try:
            keys.append(SigningKey(bytes.fromhex(key), bytes.fromhex(salt)))
        except ValueError:
            raise ValueError(f"pair {len(keys) + 1} is not hexadecimal key:salt") from None
        if not key or not salt:
            raise ValueError(f"pair {len(keys) + 1} lacks its key or its salt")
    return keys


class Signer:
    """Signs with the first key, and believes all of them, so that keys can be changed in peace."""

    def __init__(self, keys: Sequence[SigningKey], *, allow_unsigned: bool) -> None:
        """Args: allow_unsigned: whether a path is believed without a signature."""
        self._keys = tuple(keys)
        self._allow_unsigned = allow_unsigned

    def sign(self, path: str) -> str:
        """Return the signature for a path, see SigningKey.digest; UNSIGNED where none is needed.

        Raises: Forbidden where one is, and there is no key.
        """
        if not self._keys and self._allow_unsigned:
            return UNSIGNED
        if not self._keys:
            raise Forbidden("No variants are served here: the operator must set signing_keys.")
        return base64.urlsafe_b64encode(self._keys[0].digest(path)).rstrip(b"=").decode()

    def verify(self, signature: str, path: str) -> None:
        """Return if the signature vouches for exactly this path. Raises: Forbidden."""
        if self._allow_unsigned:
            return
        given = _decoded(signature)
        # Every key is tried, and each in constant time: an answer's time tells nothing.
        matches = [hmac.compare_digest(given, key.digest(path)) for key in self._keys]
        if not any(matches):
            why = "The URL's signature is not valid" if self._keys else "URLs must be signed here"
            raise Forbidden(f"{why}. Get URLs from get_image_url, or sign them with the key.")


def _decoded(signature: str) -> bytes:
    """Return a signature's 32 bytes, or none where it can be nobody's."""
    text = signature.rstrip("=")
    try:
        digest = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    # One spelling only: base64 leaves bits over that another text of the same bytes could have.
    is_canonical = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == text
    return digest if is_canonical and len(digest) == _DIGEST_BYTES else b""
