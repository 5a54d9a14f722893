"""Events as the messages that Nameko's `@event_handler` takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nameko.constants import CALL_ID_STACK_CONTEXT_KEY, HEADER_PREFIX

from ..domain.events import Event, EventType
from ..domain.image import rfc3339
from ..rpc.replies import Replies, metadata


@dataclass(frozen=True)
class Message:
    """routing_key: the event's type; properties: of AMQP."""

    routing_key: str
    payload: dict[str, Any]
    headers: dict[str, Any]
    properties: dict[str, Any]


def message_of(event: Event, replies: Replies) -> Message:
    """Return an event's message. Args: replies: makes urls, without signatures."""
    return Message(event.type.value, _payload(event, replies), _headers(event), _properties(event))


def _payload(event: Event, replies: Replies) -> dict[str, Any]:
    image = event.image
    payload = {
        "eventId": event.id,
        "eventType": event.type.value,
        "imageId": image.id,
        "occurredAt": rfc3339(event.occurred_ms),
        "url": replies.url(image),
        **metadata(image),
        "isPartial": event.is_partial,
    }
    if event.type is EventType.DELETED:
        payload["permanent"] = image.deleted_ms is None
    return payload


def _headers(event: Event) -> dict[str, Any]:
    """Return what makes a consumer's work a part of the call that the event comes of."""
    headers: dict[str, Any] = {}
    if event.cause.call_id:
        headers[f"{HEADER_PREFIX}.{CALL_ID_STACK_CONTEXT_KEY}"] = [event.cause.call_id]
    if event.cause.traceparent:
        headers["traceparent"] = event.cause.traceparent
    return headers


def _properties(event: Event) -> dict[str, Any]:
    properties = {
        "message_id": event.id,
        "timestamp": event.occurred_ms // 1000,
        "type": event.type.value,
        "app_id": "image_service",
    }
    if event.cause.call_id:
        properties["correlation_id"] = event.cause.call_id
    return properties
