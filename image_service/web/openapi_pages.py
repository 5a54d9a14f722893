"""What is answered beside /api, for the OpenAPI document: Nameko and providers route that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..domain.formats import Format
from ..rpc.methods import Method
from ..rpc.refusals import OF_AN_UPLOAD
from ..rpc.schemas import reference, schema_of
from ..rpc.shapes import HealthReply, UploadReply
from .problems import status_of
from .shapes import LivenessReply

Answers = Callable[..., dict[str, Any]]

_FILE = {"schema": {"type": "string", "format": "binary"}}
_PICTURE = {each.content_type: _FILE for each in Format}
_READ = ("image_not_found", "invalid_image_id", "image_damaged", "storage_unavailable")
_SIGNED = ("unauthorized", "forbidden", "rate_limited")
_VARIANT = ("invalid_argument", "forbidden", "variant_failed", "corrupt_image", "busy")
_UPLOAD = (*_SIGNED, "image_too_large", "storage_unavailable", "busy", "internal_error")
_OF_A_FORM = {"bad_request": 400, "request_timeout": 408, "unsupported_media_type": 415}


def pages(methods: Mapping[str, Method], answers: Answers) -> dict[str, dict[str, Any]]:
    """Return the operations by path and HTTP method; HEAD is answered wherever GET is.

    Args: answers: makes an operation's responses.
    """
    original = {
        "summary": "The original's bytes; conditions and ranges are answered.",
        "parameters": [
            _in_path("image_id", "The image's id; it may carry its stored extension."),
            _in_query("download", "1: to be saved rather than shown."),
            _in_query("exp", "When a signed url ends, Unix time."),
            _in_query("sig", "A signed url's signature."),
        ],
        "responses": answers(200, _PICTURE, _by_code(*_READ, *_SIGNED), "The picture."),
    }
    return {
        "/images": {"post": _upload(methods, answers)},
        "/images/{image_id}": {"get": {"operationId": "get_original", **original}},
        "/uploads/{image_id}": {"get": {"operationId": "get_upload", **original}},
        "/img/{signature}/{path}": {"get": _variant(answers)},
        "/": {"get": _page("get_gallery", "The page that shows the pictures.", "text/html")},
        "/gallery/{name}": {
            "get": {
                **_page("get_gallery_asset", "A part of that page.", "*/*"),
                "parameters": [_in_path("name", "The file's name.")],
            }
        },
        "/healthz": {
            "get": {
                "operationId": "get_liveness",
                "summary": "That the process answers.",
                "responses": answers(200, _json(reference(LivenessReply)), {}),
            }
        },
        "/readyz": {"get": _readiness(answers)},
        "/metrics": {"get": _page("get_metrics", "Numbers for Prometheus.", "text/plain")},
    }


def _upload(methods: Mapping[str, Method], answers: Answers) -> dict[str, Any]:
    arguments = methods["upload_image"].arguments
    fields = {
        name: schema_of(argument.type)
        for name, argument in arguments.items()
        if name not in ("file", "filename")
    }
    fields["attributes"] = {"type": "string", "description": "A JSON object of texts."}
    file = {"type": "string", "format": "binary", "description": "The picture, with its filename."}
    schema = {"type": "object", "required": ["file"], "properties": {"file": file, **fields}}
    codes = {**_by_code(*_UPLOAD, *(kind.code for kind in OF_AN_UPLOAD)), **_OF_A_FORM}
    key = {"name": "Idempotency-Key", "in": "header", "schema": fields["idempotency_key"]}
    return {
        "operationId": "upload_image",
        "summary": methods["upload_image"].about,
        "parameters": [key],
        "requestBody": {"content": {"multipart/form-data": {"schema": schema}}, "required": True},
        "responses": answers(201, _json(reference(UploadReply)), codes),
        "security": [{"token": ["upload"]}, {"session": ["upload"]}, {}],
    }


def _variant(answers: Answers) -> dict[str, Any]:
    path = "`{options}/plain/{imageId}@{extension}`, or with the id in base64url."
    return {
        "operationId": "get_variant",
        "summary": "A variant, made or from the cache; in imgproxy's grammar.",
        "parameters": [
            _in_path("signature", "Base64url of an HMAC-SHA256, or `insecure`."),
            _in_path("path", path),
        ],
        "responses": answers(200, _PICTURE, _by_code(*_READ, *_VARIANT), "The picture."),
    }


def _readiness(answers: Answers) -> dict[str, Any]:
    content = _json(reference(HealthReply))
    responses = answers(200, content, {}, "All is well.")
    return {
        "operationId": "get_readiness",
        "summary": "Whether the service and all it depends on work.",
        "responses": {**responses, "503": {"description": "It does not.", "content": content}},
    }


def _page(operation_id: str, about: str, content_type: str) -> dict[str, Any]:
    content = {content_type: {"schema": {"type": "string"}}}
    responses = {"200": {"description": about, "content": content}}
    return {"operationId": operation_id, "summary": about, "responses": responses}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _by_code(*codes: str) -> dict[str, int]:
    return {code: status_of(code) for code in codes}


def _in_path(name: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string"},
    }


def _in_query(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}
