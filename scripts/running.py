"""Find the service that runs, however it was started."""

from __future__ import annotations

import os

import kombu

from scripts import amqp, broker, state

RPC_QUEUE = "rpc-image_service"


def amqp_uri() -> str:
    """Return the broker to talk through: AMQP_URI, else what `make run` uses, else the default."""
    given = os.environ.get("AMQP_URI")
    if given:
        return given
    started = state.running()
    return (started.amqp_uri if started else None) or broker.DEFAULT_URI


def answers(uri: str) -> bool:
    """Return whether an image_service takes calls from this broker now.

    Raises: ToolError when the broker does not let us in.
    """
    amqp.probe(uri)
    with kombu.Connection(uri, connect_timeout=5) as connection, connection.channel() as channel:
        try:
            found = kombu.Queue(RPC_QUEUE, channel=channel).queue_declare(passive=True)
        except connection.channel_errors:
            return False  # no service of this name has ever run on this broker
        return int(found.consumer_count) > 0
