"""Breaks connections off that are in use for too long: their server, or the line to it, is gone."""

from __future__ import annotations

from typing import Any

from .. import native

_LOOKS_EVERY_S = 0.5


class Watch:
    """A native thread that ends what waits for ever in C, where nothing else can.

    The connection's socket is shut down: libpq takes that for the server's doing.
    """

    def __init__(self, *, at_most_s: float) -> None:
        """Args: at_most_s: how long a connection may be in use at a time."""
        self._at_most_s = at_most_s
        self._in_use: dict[int, tuple[float, Any]] = {}
        self._lock = native.threading.Lock()
        self._is_running = False

    def begin(self, record: object, connection: Any) -> None:
        """Begin to watch a connection (psycopg2's) that is taken into use."""
        until_s = native.time.monotonic() + self._at_most_s
        with self._lock:
            self._in_use[id(record)] = until_s, connection
            if not self._is_running:
                self._is_running = True
                native.threading.Thread(target=self._run, name="catalogue", daemon=True).start()

    def end(self, record: object) -> None:
        """No longer watch it."""
        with self._lock:
            self._in_use.pop(id(record), None)

    def _run(self) -> None:
        while True:
            native.time.sleep(_LOOKS_EVERY_S)
            with self._lock:
                if not self._in_use:
                    self._is_running = False
                    return
                self._break_off(native.time.monotonic())

    def _break_off(self, now_s: float) -> None:
        for key, (until_s, connection) in list(self._in_use.items()):
            if until_s <= now_s:
                del self._in_use[key]
                native.hang_up(connection)
