"""What Nameko, kombu and the network raise in a call, as the client's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import amqp.exceptions
import kombu.exceptions
from nameko.amqp.publish import UndeliverableMessage
from nameko.exceptions import RpcTimeout, UnknownService

from ..amqp_tls import certificate_problem
from ..errors import ImageServiceError, ImageTooLarge
from .errors import (
    BrokerRefused,
    CallRefused,
    CallTimedOut,
    ServiceNotRunning,
    ServiceUnreachable,
)

_BROKEN = (OSError, EOFError, amqp.exceptions.AMQPError, kombu.exceptions.KombuError)
# What a quorum queue answers while it elects a leader, and a queue that is full.
_NOT_TAKEN = amqp.exceptions.MessageNacked
_REFUSED = (amqp.exceptions.AccessRefused, amqp.exceptions.NotAllowed)
_LEAST_SIZE_BYTES = 1000


@contextlib.contextmanager
def told_of(method: str) -> Iterator[None]:
    """Raise what a call raises as one of the client's errors; others as they are."""
    try:
        yield
    except Exception as exc:
        error = translated(method, exc)
        if error is None:
            raise
        raise error from exc


def translated(method: str, exc: Exception) -> ImageServiceError | None:
    """Return the client's error for what a call raised, None for what has nothing to do with it."""
    if isinstance(exc, RpcTimeout):
        return CallTimedOut(method, float(exc.args[0]))
    if isinstance(exc, (UnknownService, UndeliverableMessage)) or _is_unroutable(exc):
        return ServiceNotRunning(method)
    if isinstance(exc, amqp.exceptions.PreconditionFailed):
        return _refused_message(method, exc)
    if isinstance(exc, _REFUSED) or isinstance(exc.__cause__, _REFUSED):
        return BrokerRefused(_words(exc.__cause__ or exc))
    distrust = certificate_problem(exc) or (exc.__cause__ and certificate_problem(exc.__cause__))
    if distrust:
        return BrokerRefused(f"{distrust}; see AMQP_SSL")
    if isinstance(exc, _NOT_TAKEN):
        return ServiceUnreachable("it did not take the call for now")
    if isinstance(exc, _BROKEN):
        return ServiceUnreachable(_words(exc))
    if type(exc) is RuntimeError:  # Nameko's, of a consumer that was disconnected
        return ServiceUnreachable("the connection was lost")
    if type(exc).__module__.startswith("nameko."):  # IncorrectSignature, RemoteError, …
        return CallRefused(method, _words(exc))
    return None


def _is_unroutable(exc: Exception) -> bool:
    return isinstance(exc, amqp.exceptions.ChannelError) and "NO_ROUTE" in str(exc)


def _refused_message(method: str, exc: Exception) -> ImageServiceError:
    """Return what a broker's refusal of a message means: it names its size and the largest."""
    numbers = [int(word) for word in str(exc).replace(",", " ").split() if word.isdigit()]
    sizes = sorted(number for number in numbers if number > _LEAST_SIZE_BYTES)
    if "size" in str(exc) and len(sizes) >= 2:
        return ImageTooLarge("max_message_size of RabbitMQ", sizes[0], sizes[-1])
    return CallRefused(method, _words(exc))


def _words(exc: BaseException) -> str:
    told = getattr(exc, "reply_text", "") or getattr(exc, "strerror", "") or str(exc)
    return " ".join(str(told).split())[:200].rstrip(".") or type(exc).__name__
