"""A line to a database that can be paused, cut, or lose what matters: in native threads."""

from __future__ import annotations

import contextlib
from typing import Any

from image_service.native import socket, threading

COMMIT = b"COMMIT\0"


class Line:
    """A TCP proxy to a port of this machine.

    Attributes:
        port: where it listens.
        at_commit: what becomes of the next COMMIT: "" it goes through; "lose answer": the server
            gets it, and the line breaks; "hold": it is kept until release(), the client's end of
            the line breaks.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.at_commit = ""
        self.is_refusing = False
        self._flows = threading.Event()
        self._flows.set()
        self._released = threading.Event()
        self._ends: list[Any] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def pause(self) -> None:
        """Carry nothing, and keep every connection."""
        self._flows.clear()

    def resume(self) -> None:
        self._flows.set()

    def release(self) -> None:
        """Let the server have what was held."""
        self._released.set()

    def cut(self) -> None:
        """Break what is connected; new connections are taken."""
        ends, self._ends = self._ends, []
        for end in ends:
            _break(end)

    def close(self) -> None:
        self._listener.close()
        self.resume()
        self.release()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.is_refusing:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._carry, args=(source, sink, source is near), daemon=True
                    ).start()

    def _carry(self, source: Any, sink: Any, is_to_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                if is_to_server and self.at_commit and COMMIT in data:
                    self._at_commit(source, sink, data)
                    return
                sink.sendall(data)
        self._flows.wait()
        _break(sink)

    def _at_commit(self, client: Any, server: Any, data: bytes) -> None:
        how, self.at_commit = self.at_commit, ""
        if how == "lose answer":
            _break(client)
            server.sendall(data)
        else:
            # Out of the list, so that nothing else breaks it.
            self._ends.remove(server)
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            self._released.wait(30)
            server.sendall(data)


def _break(end: Any) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
