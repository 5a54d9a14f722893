"""Telling systemd that the service is there (sd_notify(3)), for units of Type=notify."""

from __future__ import annotations

import os
import socket

VARIABLE = "NOTIFY_SOCKET"
"""Names the socket on which systemd listens; not there where nobody does."""

_ABSTRACT = "@"


def tell_ready() -> bool:
    """Say that callers are answered from now on; return whether somebody listens.

    Nothing is told of the end: several processes of one service may say this each, and the end of
    one of them is not the end of the service.
    """
    address = os.environ.get(VARIABLE, "")
    if not address:
        return False
    if address.startswith(_ABSTRACT):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1\nSTATUS=Serving", address)
    except OSError:  # whoever waits for it will say so; the service itself is well
        return False
    return True
