"""Who asks over HTTP, and whether they may: the one look for all routes that need a right."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.wrappers import Request

from ..domain.tokens import SCOPES, Keyring, Scope, Token, digest_of
from ..errors import Forbidden, Unauthorized
from .here import is_from_here
from .origin import check_same_origin
from .rates import Rates, address_key
from .sessions import Sessions

_BEARER = "bearer "
_SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))


@dataclass(frozen=True)
class Caller:
    """Who asks. token: None where no token is needed; expires_s: when the session ends."""

    token: Token | None = None
    is_browser: bool = True
    expires_s: int | None = None

    @property
    def key(self) -> str | None:
        """By what they are counted, None for their address."""
        return f"token:{self.token.digest.hex()}" if self.token else None

    @property
    def scopes(self) -> list[Scope]:
        """What they may do, in the order of SCOPES."""
        return [scope for scope in SCOPES if self.may(scope)]

    def may(self, scope: Scope) -> bool:
        """Tell whether they may do this."""
        if self.token is None:
            return True
        return scope in self.token.scopes or "admin" in self.token.scopes

    @property
    def owner(self) -> str | None:
        """Whose their uploads are."""
        return (self.token.owner if self.token else "") or None


class Access:
    """Tells who asks, and refuses what they may not."""

    def __init__(
        self,
        keyring: Keyring,
        sessions: Sessions,
        rates: Rates,
        *,
        is_open_here: bool,
        is_read_only: bool,
        public_url: str,
    ) -> None:
        """Args:
        is_open_here: whether requests of this machine need no token.
        is_read_only: whether nothing may be changed.
        """
        self._keyring = keyring
        self._sessions = sessions
        self._rates = rates
        self._is_open_here = is_open_here
        self._is_read_only = is_read_only
        self._public_url = public_url

    def admit(self, request: Request, scope: Scope, kind: str = "calls") -> Caller:
        """Return who asks, if they may do what scope names.

        Args: kind: as what it is counted.
        Raises: Unauthorized, RateLimited; Forbidden where the right is lacking, for what another
            site's page asks for, and for changes where there are to be none.
        """
        caller = self._counted(request, kind)
        if caller is None:
            raise Unauthorized(self._how_to_be_known())
        is_change = request.method not in _SAFE_METHODS
        if is_change and caller.is_browser:
            self.check_origin(request)
        if not caller.may(scope):
            why = f"This token lacks the scope {scope!r}. Use one that has it."
            raise Forbidden(why, scope)
        if is_change and self._is_read_only:
            raise Forbidden("Nothing can be changed here: read_only is set.")
        return caller

    def caller(self, request: Request) -> Caller | None:
        """Return who asks, None for nobody known. Raises: Unauthorized for a wrong token."""
        given = bearer_token(request)
        if given is not None:
            return Caller(self.token(given), is_browser=False)
        session = self._sessions.find(request)
        if session:
            return Caller(session.token, expires_s=session.expires_s)
        return self.open_to(request)

    def open_to(self, request: Request) -> Caller | None:
        """Return who asks without a token or session, None where one is needed."""
        return Caller() if self._is_open_here and is_from_here(request) else None

    def count(self, request: Request, kind: str, caller: Caller | None = None) -> None:
        """Count what somebody asks. Raises: RateLimited."""
        key = caller.key if caller else None
        self._rates.count(kind, key or address_key(request.remote_addr or ""))

    def _counted(self, request: Request, kind: str) -> Caller | None:
        caller = None
        try:
            caller = self.caller(request)
        finally:  # a wrong token, too
            self.count(request, kind, caller)
        return caller

    def token(self, text: str) -> Token:
        """Return the token of this text. Raises: Unauthorized."""
        token = self._keyring.find(digest_of(text))
        if token is None:
            raise Unauthorized("This token is not known here, or its time is over.")
        return token

    def check_origin(self, request: Request) -> None:
        """Refuse what a page of another site may have caused. Raises: Forbidden."""
        check_same_origin(request, self._public_url)

    def _how_to_be_known(self) -> str:
        if self._is_open_here:
            return "Without a token the API is open to this machine alone, by its own name."
        return "Send a token: Authorization: Bearer …. `image-service make-token` makes one."


def bearer_token(request: Request) -> str | None:
    """Return the token in a request's Authorization header, None for no such header."""
    header = request.headers.get("Authorization", "")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None
