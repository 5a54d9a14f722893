"""What all routes of one service that need a right have in common, made once."""

from __future__ import annotations

import functools
from pathlib import Path
from urllib.parse import urlsplit

from nameko.extensions import SharedExtension

from ..dependencies import Core
from ..domain.tokens import Keyring
from ..storage.session_key import session_key
from .access import Access
from .bodies import Bodies
from .rates import Rates
from .sessions import Sessions


class Gate(SharedExtension):
    """Holds who may do what, for every provider of a container."""

    core = Core()

    @functools.cached_property
    def access(self) -> Access:
        """Who asks, and whether they may."""
        settings = self.core.app.settings
        return Access(
            self._keyring,
            self.sessions,
            Rates(settings.rate_limits, self._shared_counts),
            is_open_here=settings.opens_api,
            is_read_only=settings.read_only,
            public_url=settings.public_url,
        )

    @functools.cached_property
    def sessions(self) -> Sessions:
        """The sessions of browsers."""
        settings = self.core.app.settings
        url = urlsplit(settings.public_url)
        return Sessions(
            self._keyring,
            session_key(settings.state_path),
            ttl_s=settings.session_ttl_s,
            path=url.path,
            is_secure=url.scheme == "https",
            now_s=self._now_s,
        )

    @functools.cached_property
    def bodies(self) -> Bodies:
        """What reads requests' bodies."""
        settings = self.core.app.settings
        return Bodies(
            idle_timeout_s=settings.http_idle_timeout_s, max_json_bytes=settings.max_call_bytes
        )

    @property
    def _shared_counts(self) -> Path | None:
        settings = self.core.app.settings
        is_shared = not self.core.place.is_alone or settings.http_share_port
        return settings.state_path / "rates.sqlite3" if is_shared else None

    @functools.cached_property
    def _keyring(self) -> Keyring:
        tokens = [each.token() for each in self.core.app.settings.tokens]
        return Keyring(tokens, self._now_s)

    def _now_s(self) -> float:
        return self.core.app.clock.now_ms() / 1000
