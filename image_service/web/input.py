"""A request's body as it comes from the socket: eventlet's, with chunks read strictly.

Eventlet's own takes a line of any length into memory, and for the size of a chunk whatever int()
does: what a proxy in front reads otherwise hides a second request.
"""

from __future__ import annotations

import re
from typing import Any

from eventlet.wsgi import ChunkReadError, Input

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r\n")
_MAX_LINE_BYTES = 1024
_MAX_TRAILER_LINES = 64


class RequestInput(Input):
    """What `wsgi.input` is."""

    chunk_length: int
    position: int

    @classmethod
    def of(cls, made: Any) -> RequestInput:
        """Return it in place of eventlet's own, of which nothing was read yet."""
        return cls(
            made.rfile,
            made.content_length,
            made.get_socket(),
            wfile=made.wfile,
            wfile_line=made.wfile_line,
            chunked_input=made.chunked_input,
        )

    def _chunked_read(
        self, rfile: Any, length: int | None = None, use_readline: bool = False
    ) -> bytes:
        """Return up to length bytes of one chunk, b"" at the end of the last.

        Raises: ChunkReadError, OSError.
        """
        if self.should_send_hundred_continue:
            self.send_hundred_continue_response()
            self.is_hundred_continue_response_sent = True
        if use_readline:
            raise ChunkReadError("chunks are not read by lines")
        if self.chunk_length == 0:
            return b""
        if self.chunk_length < 0:
            self._begin_chunk(rfile)
            if self.chunk_length == 0:
                return b""
        left = self.chunk_length - self.position
        data: bytes = rfile.read(left if not length or length < 0 else min(left, length))
        if not data:
            raise OSError("the connection ended within a chunk")
        self.position += len(data)
        if self.position == self.chunk_length:
            self._expect(rfile, b"\r\n")
            self.chunk_length = -1
        return data

    def _begin_chunk(self, rfile: Any) -> None:
        match = _SIZE.fullmatch(_line(rfile))
        if not match:
            raise ChunkReadError("no size of a chunk")
        self.position, self.chunk_length = 0, int(match[1], 16)
        if self.chunk_length == 0:
            for _ in range(_MAX_TRAILER_LINES):
                if _line(rfile) == b"\r\n":
                    return
            raise ChunkReadError("too many trailers")

    def _expect(self, rfile: Any, wanted: bytes) -> None:
        if rfile.read(len(wanted)) != wanted:
            raise ChunkReadError("a chunk is longer than it says")


def _line(rfile: Any) -> bytes:
    line: bytes = rfile.readline(_MAX_LINE_BYTES)
    if not line.endswith(b"\n"):
        if len(line) < _MAX_LINE_BYTES:
            raise OSError("the connection ended between chunks")
        raise ChunkReadError("a line is too long")
    return line
