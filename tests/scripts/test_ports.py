"""Free ports are free, different, and not those of outgoing connections."""

from __future__ import annotations

import socket

from scripts import ports


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    chosen = ports.free_ports(5)

    assert len(set(chosen)) == 5
    for port in chosen:
        assert port in ports.CANDIDATES
        with socket.create_server(("127.0.0.1", port)):
            assert not ports.is_free(port)
        assert ports.is_free(port)
