"""Fewer questions to the sockets that messages come from."""

from __future__ import annotations

from typing import Any

# The three frames of a light call, or what is around the body of a heavy one.
_READ_AHEAD_BYTES = 8 * 1024


def read_ahead(transport: Any) -> None:
    """Have a connection ask its socket for more than the next part of a frame.

    py-amqp asks for head, body and last byte of each frame one by one, and keeps what comes
    beyond; each question costs a switch of threads. TLS reads ahead by itself.
    """
    receive = getattr(transport, "_quick_recv", None)
    if receive:
        transport._quick_recv = lambda wanted: receive(wanted + _READ_AHEAD_BYTES)
