"""Signed urls of originals: /images/{imageId}?exp={Unix time}&sig={signature}.

What is signed is the path and query up to the signature; without an end, the path alone.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from ..errors import Forbidden
from .signing import Signer

EXPIRES, SIGNATURE = "exp", "sig"
_STEPS_PER_TTL = 4
_MAX_DIGITS = 12


def original_path(image_id: str, signer: Signer, expires_s: int | None = None) -> str:
    """Return the path and query of an original, signed. Args: expires_s: None for never."""
    signed = _signed_part(image_id, "" if expires_s is None else str(expires_s))
    mark = "?" if expires_s is None else "&"
    return f"{signed}{mark}{SIGNATURE}={signer.sign(signed)}"


def _signed_part(image_id: str, expires: str) -> str:
    path = f"/images/{quote(image_id)}"
    return f"{path}?{EXPIRES}={expires}" if expires else path


class SignedOriginals:
    """Makes urls of originals that end after a while, and believes no others."""

    def __init__(self, signer: Signer, *, ttl_s: float, now_s: Callable[[], int]) -> None:
        self._signer = signer
        self._ttl_s = max(1, int(ttl_s))
        self._now_s = now_s

    def expires_s(self) -> int:
        """Return until when urls made now are good, Unix time.

        The same for a quarter of the time: who asks again meanwhile gets the same urls, which
        browsers have in their caches.
        """
        step_s = max(1, self._ttl_s // _STEPS_PER_TTL)
        return (self._now_s() // step_s + 1) * step_s + self._ttl_s

    def path(self, image_id: str) -> str:
        """Return the path and query of an original."""
        return original_path(image_id, self._signer, self.expires_s())

    def left_s(self, image_id: str, expires: str, signature: str) -> int | None:
        """Return for how long a url is good yet, None for ever.

        Args: expires: as in the url, "" for none.
        Raises: Forbidden.
        """
        self._signer.verify(signature, _signed_part(image_id, expires))
        if not expires:
            return None
        is_time = expires.isascii() and expires.isdigit() and len(expires) <= _MAX_DIGITS
        left_s = int(expires) - self._now_s() if is_time else 0
        if left_s <= 0:
            raise Forbidden("The URL's time is over. Ask for a new one.")
        return left_s
