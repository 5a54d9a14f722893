"""RabbitMQ before the service serves: whether it lets us in, and how its queues are."""

from __future__ import annotations

import logging
from typing import Any

import eventlet
from amqp.exceptions import AccessRefused, PreconditionFailed
from kombu import Connection
from kombu.exceptions import OperationalError
from nameko.constants import AMQP_URI_CONFIG_KEY

from .amqp_connection import CONNECT_TIMEOUT_S, described, hosts_of
from .amqp_tls import certificate_problem
from .rpc.queues import service_queues
from .settings import Settings

_log = logging.getLogger(__name__)

RABBITMQ_4_LIMIT_BYTES = 16 * 1024 * 1024


class StartError(Exception):
    """Raised when the service cannot start: StartError(line, …), each naming what to do."""


def check_broker(config: dict[str, Any], settings: Settings) -> None:
    """Log in to RabbitMQ once, at the first of its hosts that answers, and look at the queues.

    Raises: StartError.
    """
    name = broker_name(config)
    connection = described(config)
    hosts = hosts_of(connection)
    try:
        with eventlet.Timeout(CONNECT_TIMEOUT_S * hosts + 2), connection:
            connection.ensure_connection(max_retries=hosts, interval_start=0, interval_step=0)
            _tell_of_message_size(connection, settings)
            _check_queues(connection, name, settings)
    except eventlet.Timeout:
        raise StartError(f"RabbitMQ at {name} does not answer. Check AMQP_URI.") from None
    except StartError:
        raise
    except Exception as exc:  # whatever the transport raises, one line is what helps
        raise StartError(_problem(name, exc)) from exc


def broker_name(config: dict[str, Any]) -> str:
    """Return the broker's URI without its password."""
    return ";".join(map(_without_password, str(config.get(AMQP_URI_CONFIG_KEY, "")).split(";")))


def _check_queues(connection: Connection, name: str, settings: Settings) -> None:
    """Declare the queues, which the lanes do again: a queue cannot change its type."""
    for queue in service_queues(settings):
        try:
            queue(connection.channel()).queue_declare()
        except PreconditionFailed as exc:
            raise StartError(
                f"the queue {queue.name} exists with another type than rpc_queue_type: "
                f"{settings.rpc_queue_type} (RabbitMQ at {name}: {exc.reply_text}). Stop all "
                f"processes of the service, `rabbitmqctl delete_queue {queue.name}` when it is "
                "empty, and start again; or set rpc_queue_type (environment: "
                "IMAGE_SERVICE_RPC_QUEUE_TYPE) back"
            ) from exc
        except AccessRefused as exc:
            raise StartError(
                f"RabbitMQ at {name} does not let this user declare {queue.name}: "
                f"{exc.reply_text}. See docs/rabbitmq.md for the permissions it needs."
            ) from exc


def message_size_warning(version: str, settings: Settings) -> str:
    """Return what there is to say where RabbitMQ's own limit, unless raised, is lower than ours."""
    major = version.partition(".")[0]
    largest = settings.max_message_bytes
    if major.isdigit() and int(major) >= 4 and largest > RABBITMQ_4_LIMIT_BYTES:
        return (
            f"max_message_bytes is {largest}, but RabbitMQ {version} refuses messages above "
            f"{RABBITMQ_4_LIMIT_BYTES} bytes unless its max_message_size says otherwise"
        )
    return ""


def _tell_of_message_size(connection: Connection, settings: Settings) -> None:
    told = connection.connection.server_properties or {}
    warning = message_size_warning(str(told.get("version", "")), settings)
    if warning:
        _log.warning("%s", warning)


def _without_password(uri: str) -> str:
    # Up to the last @: one that should have been written as %40 is in the password.
    head, at, host = uri.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}:********@{host}" if at else uri


def _problem(name: str, exc: Exception) -> str:
    cause = exc.__cause__ if isinstance(exc, OperationalError) and exc.__cause__ else exc
    text = " ".join(str(cause).split())
    distrust = certificate_problem(cause)
    if distrust:
        return f"RabbitMQ at {name}: {distrust}. Check AMQP_SSL, and the host's name in AMQP_URI."
    if "ACCESS_REFUSED" in text or "403" in text:
        return f"RabbitMQ at {name} refused the user or password. Check AMQP_URI."
    if "NOT_ALLOWED" in text or "530" in text:
        return f"RabbitMQ at {name} has no such virtual host for this user. Check AMQP_URI."
    return f"cannot reach RabbitMQ at {name}: {text or type(cause).__name__}. Check AMQP_URI."
