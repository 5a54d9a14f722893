"""A service process below a supervisor: how it is started, told what to do, and heard of.

The two hold the ends of a socket pair. The supervisor's first message says who the process is and
what its configuration is; the process says when it serves; the end of either is the end of its
socket, however it came about.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import eventlet
from eventlet.event import Event

from . import native, serve
from .broker_check import StartError
from .places import Place

_log = logging.getLogger(__name__)

OPTION = "--below"
"""The option of `image-service serve` that carries the process's end of the pair."""

_READY = b"ready"
_LENGTH_BYTES = 8
_REAP_PAUSE_S = 0.05


class Child:
    """A process that was started, from the supervisor's side."""

    def __init__(self, place: Place, text: bytes, config_path: Path) -> None:
        """Start it. Args: text: what config.yaml said. Raises: OSError."""
        self.place = place
        self._is_ready = Event()
        self._ended = Event()
        self._sock, theirs = socket.socketpair()
        with theirs:
            program = [sys.executable, "-m", "image_service", "serve"]
            try:
                self._process = subprocess.Popen(
                    [*program, "--config", str(config_path), OPTION, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), place.listen_fd),
                    start_new_session=True,  # the terminal's Ctrl-C is for the supervisor
                )
            except OSError:
                self._sock.close()
                raise
        message = json.dumps({"place": asdict(place), "config": text.decode("utf-8")}).encode()
        with contextlib.suppress(OSError):  # it has ended already
            self._sock.sendall(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
        eventlet.spawn_n(self._listen)

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.ready()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Return whether it serves now; False when it ended, or the time is over."""
        with eventlet.Timeout(timeout_s, exception=False):
            return bool(self._is_ready.wait())
        return False

    def wait_until_ended(self) -> int:
        """Return its exit code, or the number of the signal that ended it, negative."""
        return int(self._ended.wait())

    def end(self, *, within_s: float) -> None:
        """Have it finish what it has in hand; kill it after that time."""
        self.signal(signal.SIGTERM)
        with eventlet.Timeout(within_s, exception=False):
            self._ended.wait()
            return
        _log.error("process %s (%d) did not end in time; killed", self.place.log_name, self.pid)
        self.kill()

    def kill(self) -> None:
        """End it at once, and return when it is gone."""
        self.signal(signal.SIGKILL)
        self._ended.wait()

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.is_alive:
            self._process.send_signal(number)

    def _listen(self) -> None:
        try:
            if self._sock.recv(len(_READY)) == _READY:
                self._is_ready.send(True)
                self._sock.recv(1)
        except OSError:  # it was killed before it had read its configuration
            pass
        while (code := self._process.poll()) is None:
            eventlet.sleep(_REAP_PAUSE_S)
        self._sock.close()
        if not self._is_ready.ready():
            self._is_ready.send(False)
        self._ended.send(code)


@dataclass(frozen=True)
class Orders:
    """What a process below a supervisor was told, from its own side."""

    place: Place
    text: bytes
    fd: int

    def ready(self) -> None:
        """Tell the supervisor that it serves."""
        native.os.write(self.fd, _READY)


def orders(fd: int) -> Orders:
    """Return what the supervisor at the other end wants, and wait for its death from now on."""
    os.set_inheritable(fd, False)
    os.set_blocking(fd, True)  # whoever made it was green
    length = int.from_bytes(_received(fd, _LENGTH_BYTES), "big")
    message: dict[str, Any] = json.loads(_received(fd, length))
    place = Place(**message["place"])
    os.set_inheritable(place.listen_fd, False)
    return Orders(place, message["config"].encode(), fd)


def serve_below(config_path: Path, fd: int) -> None:
    """Be one process of several, until the supervisor says so or dies.

    Raises: ConfigError; StartError before anything is served.
    """
    told = orders(fd)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's alone
    config, settings = serve.read(told.text, config_path)
    _end_with_supervisor(fd, serve.drained_within_s(settings))
    serve.serve(config, settings, told.place, told.ready)


def _end_with_supervisor(fd: int, at_most_s: float) -> None:
    """Stop when the other end is gone. In a native thread: also while the hub hangs."""

    def watch() -> None:
        native.os.read(fd, 1)
        native.os.kill(native.os.getpid(), signal.SIGTERM)
        native.time.sleep(at_most_s)
        native.os._exit(1)

    native.threading.Thread(target=watch, name="supervisor", daemon=True).start()


def _received(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = native.os.read(fd, size - len(data))
        if not part:
            raise StartError("the supervisor is gone")
        data += part
    return data
