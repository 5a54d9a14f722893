"""What the network raises, as the client tells it."""

from __future__ import annotations

import amqp.exceptions
import kombu.exceptions
import pytest
from nameko.exceptions import IncorrectSignature, RemoteError, RpcTimeout, UnknownService

from image_service.client.failures import told_of, translated

TOO_LARGE = amqp.exceptions.PreconditionFailed(
    "PRECONDITION_FAILED - message size 12000123 is larger than configured max size 10485760"
)


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (RpcTimeout(5), "call_timed_out", "m was not answered within 5 s"),
        (UnknownService("image_service"), "service_not_running", "m"),
        (amqp.exceptions.NoConsumers("(312) NO_ROUTE"), "service_not_running", "m"),
        (ConnectionResetError(104, "Connection reset by peer"), "service_unreachable", "reset"),
        (amqp.exceptions.ConnectionForced("shutdown"), "service_unreachable", "shutdown"),
        (kombu.exceptions.OperationalError("gone"), "service_unreachable", "gone"),
        (amqp.exceptions.AccessRefused("who?"), "broker_refused", "who"),
        (amqp.exceptions.MessageNacked(), "service_unreachable", "did not take the call"),
        (RuntimeError("This consumer has been disconnected"), "service_unreachable", "lost"),
        (IncorrectSignature("unexpected keyword"), "call_refused", "unexpected keyword"),
        (RemoteError("ValueError", "x"), "call_refused", "ValueError x"),
        (TOO_LARGE, "image_too_large", "12,000,123 bytes; the limit max_message_size"),
        (amqp.exceptions.PreconditionFailed("other"), "call_refused", "other"),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, Exception) else "",
)
def test_each_failure_has_its_code(raised: Exception, code: str, words: str) -> None:
    error = translated("m", raised)
    assert error is not None
    assert (error.code, words in str(error)) == (code, True), str(error)


def test_what_has_nothing_to_do_with_the_network_is_left_alone() -> None:
    for raised in (ValueError("x"), KeyError("y"), NotImplementedError()):
        with pytest.raises(type(raised)), told_of("m"):
            raise raised
