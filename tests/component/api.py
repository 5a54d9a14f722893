"""The JSON API as the component tests ask it."""

from __future__ import annotations

import http.client
import json
from typing import Any

from image_service.domain.tokens import SCOPES, digest_of
from tests.component import conformity
from tests.component.harness import Service

SECRETS = {scope: f"ist_{scope}" for scope in SCOPES}
TOKENS = [
    {"sha256": digest_of(text).hex(), "scopes": [scope], "name": f"the {scope} one"}
    for scope, text in SECRETS.items()
]


def ask(
    service: Service,
    path: str,
    method: str = "GET",
    body: Any = None,
    **headers: str,
) -> tuple[http.client.HTTPResponse, Any]:
    """Ask once; return the answer and its JSON. A body that is no bytes is sent as JSON."""
    connection = service.http()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        named.setdefault("Content-Type", "application/json")
    try:
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    told = json.loads(data) if data else None
    conformity.check_answer(method, path, answer, told)
    return answer, told


def bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[scope]}"}


def code(answered: tuple[http.client.HTTPResponse, Any]) -> tuple[int, str]:
    answer, told = answered
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told["status"] == answer.status
    return answer.status, told["code"]
