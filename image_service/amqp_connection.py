"""How a connection to RabbitMQ is described to kombu: in one place, whoever makes it.

Nothing here connects: kombu's Connection is a description until somebody does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from kombu import Connection
from nameko.constants import (
    AMQP_SSL_CONFIG_KEY,
    AMQP_URI_CONFIG_KEY,
    DEFAULT_HEARTBEAT,
    DEFAULT_TRANSPORT_OPTIONS,
    HEARTBEAT_CONFIG_KEY,
    LOGIN_METHOD_CONFIG_KEY,
    TRANSPORT_OPTIONS_CONFIG_KEY,
)

CONNECT_TIMEOUT_S = 5.0
"""How long a host that does not answer is waited for before the next one is asked."""


def described(
    config: Mapping[str, Any], *, has_heartbeat: bool = False, **transport_options: Any
) -> Connection:
    """Return the connection that Nameko's keys describe, not made yet.

    Args:
        config: Nameko's, with AMQP_URI and AMQP_SSL as amqp_tls.ready() returns them.
        has_heartbeat: whether both ends say every HEARTBEAT seconds that they live. Somebody must
            then read from the connection, or call heartbeat_check(), a few times in each.
        transport_options: of kombu and py-amqp, beside those of TRANSPORT_OPTIONS.
    """
    told = config.get(TRANSPORT_OPTIONS_CONFIG_KEY) or DEFAULT_TRANSPORT_OPTIONS
    return Connection(
        config[AMQP_URI_CONFIG_KEY],
        ssl=config.get(AMQP_SSL_CONFIG_KEY),
        login_method=config.get(LOGIN_METHOD_CONFIG_KEY),
        heartbeat=config.get(HEARTBEAT_CONFIG_KEY, DEFAULT_HEARTBEAT) if has_heartbeat else 0,
        connect_timeout=CONNECT_TIMEOUT_S,
        transport_options={**told, **transport_options},
    )


def hosts_of(connection: Connection) -> int:
    """Return how many hosts there are to try."""
    return max(1, len(connection.alt))


class LeavesHungHosts:
    """A ConsumerMixin that lets go of a lost connection at once.

    kombu says farewell also where the heartbeats have told that nobody listens, and waits for an
    answer for as long as that host hangs.
    """

    connect_max_retries: int | None
    create_connection: Any
    on_connection_error: Any

    @contextlib.contextmanager
    def establish_connection(self) -> Iterator[Connection]:
        """See ConsumerMixin."""
        with self.create_connection() as connection:
            connection.ensure_connection(self.on_connection_error, self.connect_max_retries)
            try:
                yield connection
            except connection.connection_errors:
                connection.collect()
                raise
