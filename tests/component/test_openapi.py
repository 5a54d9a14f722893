"""The document of the HTTP API: valid, served, and of all that there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import validate
from werkzeug.routing import Map

from image_service.errors import InvalidArgument
from image_service.web.server import HttpServer
from scripts import api_document
from tests.component import conformity
from tests.component.api import TOKENS, ask
from tests.component.harness import Service

PATH = "/api/openapi.json"


def test_the_document_is_valid_and_is_served_to_everybody(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(tokens=TOKENS)
    answer, told = ask(service, PATH)
    validate(told)
    assert told["servers"] == [{"url": f"http://localhost:{service.port}"}]
    assert told == {**api_document.made(), "servers": told["servers"]}
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    again, _ = ask(service, PATH, If_None_Match=answer.headers["ETag"])
    assert again.status == 304


def test_every_route_of_the_service_is_in_it(service: Service) -> None:
    server = next(each for each in service.container.extensions if isinstance(each, HttpServer))
    rules = Map([each.get_url_rule() for each in server._providers])
    served = {rule.rule.partition("<")[0] for rule in rules.iter_rules()}
    told = {path.partition("{")[0] for path in api_document.made()["paths"]}
    assert "/images/" in served
    assert {path for path in served if path != "/api/"} <= told


def test_each_operation_says_what_it_answers_and_who_may_ask() -> None:
    document = api_document.made()
    operations = {
        (method, path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert len({each["operationId"] for each in operations.values()}) == len(operations)
    assert operations["delete", "/api/images/{image_id}"]["security"][0] == {"token": ["delete"]}
    assert "security" not in operations["get", "/api/session"]
    listing = operations["get", "/api/images"]
    limit = next(each for each in listing["parameters"] if each["name"] == "limit")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000}
    similar = operations["get", "/api/images/{image_id}/similar"]
    told = {each["name"]: each["schema"].get("default") for each in similar["parameters"]}
    assert (told["max_distance"], told["limit"]) == (8, 50)


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        ({"success": True, "imageIds": {}}, ""),
        ({"success": True, "imageIds": {"sha256:0": None}}, "None is not of type"),
        ({"success": True}, "'imageIds' is a required property"),
        ({"success": True, "imageIds": {}, "more": 1}, "'more' was unexpected"),
        ({"success": False, "error": {"code": "storage_full"}}, "storage_full, which is not told"),
    ],
)
def test_what_does_not_conform_is_noted(reply: dict[str, Any], wrong: str) -> None:
    noted = conformity._in_reply("find_images", reply)
    assert [wrong in each for each in noted] == ([True] if wrong else [])


def test_an_answer_that_is_not_told_is_noted(service: Service) -> None:
    answer, told = ask(service, "/api/tags?limit=0")
    assert told["code"] == InvalidArgument.code
    conformity.check_answer("GET", "/api/openapi.json", answer, told)
    assert [each[:40] for each in conformity.found] == ["GET /api/openapi.json answers 400, which"]
    conformity.found.clear()
    conformity.check_answer("GET", "/api/tags", answer, json.loads('{"code": "busy"}'))
    assert len(conformity.found) == 5
    conformity.found.clear()
