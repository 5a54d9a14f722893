"""systemd hears that the service is ready, where it listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service import systemd


@pytest.fixture(params=["path", "abstract"])
def listener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """A socket as systemd's, in the file system and outside of it."""
    name = str(tmp_path / "notify")
    address, told = (name, name) if request.param == "path" else (f"\0{name}", f"@{name}")
    monkeypatch.setenv(systemd.VARIABLE, told)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(5)
        yield sock


def test_whoever_listens_is_told(listener: socket.socket) -> None:
    assert systemd.tell_ready()
    assert b"READY=1" in listener.recv(1000).split(b"\n")


def test_nobody_is_told_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(systemd.VARIABLE, raising=False)
    assert not systemd.tell_ready()


def test_a_listener_that_is_gone_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(systemd.VARIABLE, str(tmp_path / "gone"))
    assert not systemd.tell_ready()
