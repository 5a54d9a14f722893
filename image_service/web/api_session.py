"""/api/session: a browser shows a token once, and is known by a cookie from then on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from werkzeug.wrappers import Request, Response

from .. import __version__
from ..domain.formats import Format
from ..domain.image import rfc3339
from ..errors import Forbidden, InvalidArgument, RateLimited, Unauthorized
from ..settings import Settings
from .access import Access, Caller, bearer_token
from .api import Route, json_response
from .bodies import Bodies
from .sessions import Sessions
from .shapes import SessionReply

_Token = Annotated[str, Field(description="A bearer token; Authorization will do as well.")]


class SessionApi:
    """Tells who asks and what is possible here; begins and ends sessions."""

    def __init__(
        self,
        access: Access,
        sessions: Sessions,
        bodies: Bodies,
        settings: Settings,
        accepted: frozenset[Format],
    ) -> None:
        self._access = access
        self._sessions = sessions
        self._bodies = bodies
        self._settings = settings
        self._formats = sorted(format_.value for format_ in accepted)

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        path, reply = "/api/session", SessionReply
        return [
            Route("GET", path, None, self.get, reply, None, refusals=(Unauthorized,), waits=False),
            Route(
                "POST",
                path,
                None,
                self.begin,
                reply,
                None,
                types={"token": _Token},
                refusals=(Unauthorized, Forbidden, RateLimited),
                waits=False,
                body=("token",),
            ),
            Route("DELETE", path, None, self.end, reply, None, refusals=(Forbidden,), waits=False),
        ]

    def get(self, request: Request) -> SessionReply:
        """Tell who asks, and what is possible here."""
        return self._told(self._access.caller(request))

    def begin(self, request: Request) -> Response:
        """Begin a session with the token in the body's `token`, or in Authorization."""
        self._access.check_origin(request)
        self._access.count(request, "logins")
        text = bearer_token(request)
        if text is None:
            text = self._bodies.json(request, ("token",)).get("token")
        if not isinstance(text, str) or not text:
            raise InvalidArgument("token", "it must be the token, as text")
        token = self._access.token(text.strip())
        response = json_response({})
        session = self._sessions.begin(response, token)
        told = self._told(Caller(token, expires_s=session.expires_s))
        response.set_data(json_response(told).get_data())
        return response

    def end(self, request: Request) -> Response:
        """End the session."""
        self._access.check_origin(request)
        response = json_response(self._told(self._access.open_to(request)))
        self._sessions.end(response)
        return response

    def _told(self, caller: Caller | None) -> SessionReply:
        settings = self._settings
        ends_s = caller.expires_s if caller else None
        return {
            "success": True,
            "authenticated": caller is not None,
            "needsToken": caller is None,
            "scopes": caller.scopes if caller else [],
            "name": caller.token.name if caller and caller.token else "",
            "expiresAt": None if ends_s is None else rfc3339(ends_s * 1000),
            "readOnly": settings.read_only,
            "limits": {
                "maxUploadBytes": settings.max_upload_bytes,
                "maxPixels": settings.max_pixels,
                "maxSidePx": settings.max_side_px,
                "maxFrames": settings.max_frames,
                "formats": self._formats,
            },
            "version": __version__,
            "trashRetentionDays": settings.trash_retention_days,
            "urlsLastS": settings.signed_url_ttl_s if settings.require_signed_originals else None,
        }
