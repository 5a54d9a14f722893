"""One caller: uploads and deletes pictures without pause and writes down what it was told.

    python -m tests.e2e.crash_caller '{"uri": …, "seed": …, "out": …}'

A process of its own with a `ClusterRpcProxy` of its own, as a user has it. It knows nothing of
the kills: it only waits for answers. Ends, after its last answer, when its standard input does.
"""

from __future__ import annotations

import json
import select
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.e2e.crash_pictures import is_to_go, pictures

CALL_TIMEOUT_S = 120.0


def connected(uri: str, timeout_s: float = CALL_TIMEOUT_S) -> Any:
    """Return a `ClusterRpcProxy`, a context manager. For one thread."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from nameko.standalone.rpc import ClusterRpcProxy

    config = {"AMQP_URI": uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
    return ClusterRpcProxy(config, timeout=timeout_s)


def is_over(wait_s: float = 0.0) -> bool:
    """Return whether standard input has ended, waiting so long for it."""
    return bool(select.select([sys.stdin], [], [], wait_s)[0])


def main() -> None:
    """Upload until it is over; one JSON line an upload, and what became of its deletion."""
    order = json.loads(sys.argv[1])
    with Path(order["out"]).open("a", buffering=1) as out:
        for told in _uploads(order["uri"], order["seed"]):
            out.write(json.dumps(told) + "\n")


def _uploads(uri: str, seed: str) -> Iterator[dict[str, Any]]:
    new = pictures(seed)
    while not is_over():
        with connected(uri) as rpc:
            # After an error the proxy may be broken: then take a new one.
            told = {}
            while "error" not in told and not is_over():
                told = _upload(rpc, *next(new))
                yield told


def _upload(rpc: Any, filename: str, data: bytes) -> dict[str, Any]:
    told: dict[str, Any] = {"filename": filename, "started": time.monotonic()}
    try:
        reply = rpc.image_service.upload_image(data, filename)
        told["reply"] = {key: reply.get(key) for key in ("success", "imageId", "url", "message")}
        told["reply"]["checksum"] = (reply.get("metadata") or {}).get("checksum")
        if reply["success"] and is_to_go(filename):
            told["deletion"] = "unanswered"
            deleted = rpc.image_service.delete_image(reply["imageId"])
            told["deletion"] = "done" if deleted["success"] else deleted["message"]
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is no acknowledgement
        told["error"] = f"{type(exc).__name__}: {exc}"
    told["ended"] = time.monotonic()
    return told


if __name__ == "__main__":
    main()
