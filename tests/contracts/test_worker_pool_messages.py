"""Large messages, decoded by the image workers."""

from __future__ import annotations

import json
import os

import pytest

from image_service.imaging.engine import PooledEngine
from image_service.imaging.pool import WorkerPool
from tests.contracts.pools import is_whole


def test_a_node_buffer_is_decoded_in_a_worker(shared: WorkerPool) -> None:
    data = os.urandom(300_000)
    call = {
        "args": [{"type": "Buffer", "data": list(data)}, "ä.png"],
        "kwargs": {"tags": ["a"], "file": {"type": "Buffer", "data": [1, 2]}, "n": 1.5, "x": None},
    }
    assert PooledEngine(shared).decode_message("json", json.dumps(call).encode()) == {
        "args": [data, "ä.png"],
        "kwargs": {"tags": ["a"], "file": b"\1\2", "n": 1.5, "x": None},
    }


def test_a_bad_node_buffer_stays_what_it_is_to_be_refused_later(shared: WorkerPool) -> None:
    call = {"args": [{"type": "Buffer", "data": [1, 256]}], "kwargs": {}}
    assert PooledEngine(shared).decode_message("json", json.dumps(call).encode()) == call


NOT_JSON = {
    "nothing": b"",
    "words": b"words",
    "half": b'{"args": [',
    "no UTF-8": b'{"args": ["\xff"]}',
    "deep lists": b"[" * 200_000,
    "deep whole lists": b"[" * 50_000 + b"]" * 50_000,
    "deep mappings": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "endless digits": b"[" + b"9" * 100_000 + b"]",
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_cannot_be_decoded_is_a_value_error_and_costs_no_worker(
    shared: WorkerPool, name: str
) -> None:
    pids = sorted(shared.pids())
    with pytest.raises(ValueError, match="JSON"):
        PooledEngine(shared).decode_message("json", NOT_JSON[name])
    assert sorted(shared.pids()) == pids
    assert is_whole(shared, 2)


def test_a_message_of_countless_lists_is_refused_in_the_worker(shared: WorkerPool) -> None:
    engine = PooledEngine(shared)
    for body in (b"[" + b"[]," * 300_000 + b"1]", b"[" + b'{"a":{}},' * 60_000 + b"1]"):
        with pytest.raises(ValueError, match="JSON"):
            engine.decode_message("json", body)
    tags = {"args": [["a"] * 1000] * 50, "kwargs": {"n": {}}}
    assert engine.decode_message("json", json.dumps(tags).encode()) == tags
    assert engine.decode_message("json", b"5") == 5
