"""The queues that calls come by."""

from __future__ import annotations

from collections.abc import Iterator

from kombu import Queue
from nameko.rpc import RPC_QUEUE_TEMPLATE

from ..settings import Settings
from .reports import SERVICE_NAME

LIGHT, HEAVY = "", ".transfers"
"""What follows the name of the service's queue, by lane."""

DELIVERY_LIMIT = 20
"""How often a quorum queue delivers a call whose process dies of it; then it is dropped."""


def queue_name(suffix: str, service: str = SERVICE_NAME) -> str:
    """Return what the queue of a lane is called."""
    return str(RPC_QUEUE_TEMPLATE.format(service) + suffix)


def service_queue(settings: Settings, suffix: str, service: str = SERVICE_NAME) -> Queue:
    """Return the queue of a lane, not declared."""
    arguments = None
    if settings.rpc_queue_type == "quorum":
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    return Queue(queue_name(suffix, service), durable=True, queue_arguments=arguments)


def service_queues(settings: Settings) -> Iterator[Queue]:
    """Yield the queues of both lanes."""
    for suffix in (LIGHT, HEAVY):
        yield service_queue(settings, suffix)
