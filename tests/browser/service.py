"""The service's HTTP API, for what a story needs beforehand and for looking at what came of it.

Not RPC: several services consume from one broker here, and any of them would take the call.
"""

from __future__ import annotations

from typing import Any

import requests

from tests.e2e.processes import Site


def ask(site: Site, path: str) -> Any:
    """Return the reply to a GET below /api/."""
    answer = requests.get(f"{site.base_url}/api/{path}", timeout=20)
    assert answer.ok, answer.text
    return answer.json()


def upload(
    site: Site, data: bytes, name: str, *, tags: tuple[str, ...] = (), token: str = ""
) -> str:
    """Store a picture; return its id."""
    answer = requests.post(
        f"{site.base_url}/images",
        files={"file": (name, data)},
        data=[("tags", tag) for tag in tags],
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=20,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["imageId"])


def delete(site: Site, image_id: str) -> None:
    """Delete a picture."""
    answer = requests.delete(f"{site.base_url}/api/images/{image_id}", timeout=20)
    assert answer.ok, answer.text
