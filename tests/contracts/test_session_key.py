"""The key of browser sessions: one, whoever comes first, and nobody else's to read."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from image_service.storage.session_key import session_key


def test_it_is_made_once_and_kept(tmp_path: Path) -> None:
    key = session_key(tmp_path)
    assert len(key) == 32
    assert session_key(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir()] == ["session.key"]
    assert stat.S_IMODE((tmp_path / "session.key").stat().st_mode) == 0o600
    (tmp_path / "session.key").unlink()
    assert session_key(tmp_path) != key


def test_all_who_make_it_at_once_have_the_same(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(session_key(tmp_path))) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16
    assert len(set(keys)) == 1


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_one_that_was_cut_short_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session.key").write_bytes(content)
    key = session_key(tmp_path)
    assert len(key) == 32
    assert session_key(tmp_path) == key
