"""Bearer tokens: random texts that let whoever has them do something, known by digest alone.

A slow hash would add nothing: it is there for texts that people think of, and nobody guesses 256
random bits, however fast the guesses can be tried.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Scope = Literal["read", "upload", "delete", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "upload", "delete", "admin")
"""What a token can allow. admin allows everything."""

TOKEN_BYTES = 32
_PREFIX = "ist_"


@dataclass(frozen=True)
class Token:
    """What is known of a token.

    digest: SHA-256 of its text. name: for people, owner: whose its uploads are; "" for none.
    expires_s: Unix time from which it is worth nothing, None for never.
    """

    digest: bytes = field(repr=False)
    scopes: frozenset[Scope]
    name: str = ""
    owner: str = ""
    expires_s: float | None = None


def make_token(random_bytes: bytes) -> str:
    """Return a new token's text. Args: random_bytes: TOKEN_BYTES from a cryptographic source."""
    return _PREFIX + base64.urlsafe_b64encode(random_bytes).rstrip(b"=").decode()


def digest_of(text: str) -> bytes:
    """Return what a token's text is known by."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


class Keyring:
    """The tokens that are believed."""

    def __init__(self, tokens: Iterable[Token], now_s: Callable[[], float]) -> None:
        """Args: now_s: Unix time."""
        self._tokens = tuple(tokens)
        self._now_s = now_s

    def find(self, digest: bytes) -> Token | None:
        """Return the token of this digest, unless its time is over."""
        # Every one is compared, and each in constant time: an answer's time tells nothing.
        found = [each for each in self._tokens if hmac.compare_digest(each.digest, digest)]
        if not found:
            return None
        token = found[0]
        is_over = token.expires_s is not None and token.expires_s <= self._now_s()
        return None if is_over else token
