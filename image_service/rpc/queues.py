"""The queues that calls come by, and the connection that large answers go by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kombu import Connection, Queue
from nameko.constants import (
    AMQP_SSL_CONFIG_KEY,
    AMQP_URI_CONFIG_KEY,
    DEFAULT_TRANSPORT_OPTIONS,
    LOGIN_METHOD_CONFIG_KEY,
)
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


def reply_connection(config: Mapping[str, Any]) -> Connection:
    """Return how large answers are sent, with the broker's word for each.

    Args: config: Nameko's.
    """
    return Connection(
        config[AMQP_URI_CONFIG_KEY],
        transport_options={**DEFAULT_TRANSPORT_OPTIONS, "confirm_publish": True},
        ssl=config.get(AMQP_SSL_CONFIG_KEY),
        login_method=config.get(LOGIN_METHOD_CONFIG_KEY),
    )
