"""Browser sessions: a cookie that says which token was shown, and until when it is believed.

Nothing is kept of them here: the cookie is signed, and worth nothing once its token is taken out
of the configuration.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from ..domain.tokens import Keyring, Token

COOKIE = "image_service_session"
_DIGEST_CHARACTERS = 64


@dataclass(frozen=True)
class Session:
    """A believed cookie. expires_s: Unix time."""

    token: Token
    expires_s: int


class Sessions:
    """Gives out session cookies, and reads them."""

    def __init__(
        self,
        keyring: Keyring,
        key: bytes,
        *,
        ttl_s: float,
        path: str,
        is_secure: bool,
        now_s: Callable[[], float],
    ) -> None:
        """Args:
        key: what cookies are signed with, 32 bytes.
        path: where the service begins as browsers see it; is_secure: whether by https alone.
        """
        self._keyring = keyring
        self._key = key
        self._ttl_s = ttl_s
        self._path = path or "/"
        self._is_secure = is_secure
        self._now_s = now_s

    def begin(self, response: Response, token: Token) -> Session:
        """Give a browser its cookie. Returns: the session, which ends no later than its token."""
        expires_s = int(self._now_s() + self._ttl_s)
        if token.expires_s is not None:
            expires_s = min(expires_s, int(token.expires_s))
        value = f"{token.digest.hex()}.{expires_s}.{self._mac(token.digest, expires_s)}"
        response.set_cookie(
            COOKIE,
            value,
            max_age=max(0, expires_s - int(self._now_s())),
            path=self._path,
            secure=self._is_secure,
            httponly=True,
            samesite="Strict",
        )
        return Session(token, expires_s)

    def end(self, response: Response) -> None:
        """Take the cookie away."""
        response.delete_cookie(
            COOKIE, path=self._path, secure=self._is_secure, httponly=True, samesite="Strict"
        )

    def find(self, request: Request) -> Session | None:
        """Return the session that a request's cookie vouches for."""
        digest_hex, _, rest = request.cookies.get(COOKIE, "").partition(".")
        expires, _, mac = rest.partition(".")
        if len(digest_hex) != _DIGEST_CHARACTERS or not (expires.isascii() and expires.isdigit()):
            return None
        try:
            digest, expires_s = bytes.fromhex(digest_hex), int(expires[:12])
        except ValueError:
            return None
        is_ours = hmac.compare_digest(
            mac.encode(errors="replace"), self._mac(digest, expires_s).encode()
        )
        if not is_ours or expires_s <= self._now_s():
            return None
        token = self._keyring.find(digest)
        return Session(token, expires_s) if token else None

    def _mac(self, digest: bytes, expires_s: int) -> str:
        message = b"session" + digest + str(expires_s).encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
