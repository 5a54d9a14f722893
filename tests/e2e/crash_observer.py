"""The bystander: while services die and start, what is listed must be served whole.

    python -m tests.e2e.crash_observer '{"uri": …, "out": …}'

Lists the newest images again and again and fetches them; writes down each that is not what was
sent. A service that is gone just then is no complaint. Ends when its standard input does.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.e2e.crash_caller import connected, is_over
from tests.e2e.crash_pictures import is_to_go, is_whole

NEWEST = 12
PAUSE_S = 0.1
HTTP_TIMEOUT_S = 10.0


def fetch(url: str) -> bytes | str | None:
    """Return the bytes behind url; what the server answers instead; None if there is no server."""
    try:
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as reply:
            data: bytes = reply.read()
            return data
    except urllib.error.HTTPError as exc:
        return f"status {exc.code}"
    except (OSError, http.client.HTTPException):
        return None


def main() -> None:
    """Look until it is over; one JSON line a look, with its complaints."""
    order = json.loads(sys.argv[1])
    with Path(order["out"]).open("a", buffering=1) as out:
        while not is_over(PAUSE_S):
            try:
                with connected(order["uri"]) as rpc:
                    out.write(json.dumps(_look(rpc)) + "\n")
            except Exception as exc:  # noqa: BLE001 - no answer, so nothing was seen
                out.write(json.dumps({"seen": 0, "wrong": [], "error": repr(exc)}) + "\n")


def _look(rpc: Any) -> dict[str, Any]:
    reply = rpc.image_service.list_images(limit=NEWEST)
    if not reply["success"]:
        return {"seen": 0, "wrong": [f"list_images: {reply['message']}"]}
    seen, wrong = 0, []
    for image in reply["images"]:
        name = f"{image['imageId']} ({image['filename']})"
        found = fetch(image["url"])
        if isinstance(found, bytes) and not is_whole(image["filename"], found):
            wrong.append(f"{name} is served with other bytes than were sent")
        if found == "status 404" and is_to_go(image["filename"]):
            continue  # deleted meanwhile
        if isinstance(found, str):
            wrong.append(f"{name} is listed, but GET {image['url']}: {found}")
        seen += isinstance(found, bytes)
    return {"seen": seen, "wrong": wrong}


if __name__ == "__main__":
    main()
