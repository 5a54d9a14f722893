"""What goes wrong, as exceptions: those of `image_service.errors` by code, and the way there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from ..errors import ImageServiceError, InternalError


class ServiceUnreachable(ImageServiceError):
    """Raised when the broker cannot be reached, or the connection to it broke: (why)."""

    code = "service_unreachable"
    retryable = True

    def __str__(self) -> str:
        return f"RabbitMQ cannot be reached: {self.args[0]}. Check AMQP_URI, and that it runs."


class BrokerRefused(ServiceUnreachable):
    """Raised when the broker lets this user, or this virtual host, not in: (why)."""

    code = "broker_refused"
    retryable = False

    def __str__(self) -> str:
        return f"RabbitMQ refused the connection: {self.args[0]}. Check AMQP_URI."


class ServiceNotRunning(ImageServiceError):
    """Raised when nobody on the broker takes this call: (method)."""

    code = "service_not_running"

    def __str__(self) -> str:
        return (
            f"No image_service on this broker takes the call {self.args[0]}: "
            "start one, or update it if it is older than this client."
        )


class CallTimedOut(ImageServiceError):
    """Raised when no answer came in time; the call may be carried out still: (method, seconds)."""

    code = "call_timed_out"
    retryable = True

    def __str__(self) -> str:
        method, timeout_s = self.args
        return f"{method} was not answered within {timeout_s:g} s. It may be carried out still."


class CallRefused(ImageServiceError):
    """Raised when the service could make nothing of a call: (method, why)."""

    code = "call_refused"

    def __str__(self) -> str:
        method, why = self.args
        return f"The service did not take {method}: {why}."


class SourceUnreadable(ImageServiceError):
    """Raised when what is to be uploaded cannot be read: (what, why)."""

    code = "source_unreadable"

    def __str__(self) -> str:
        what, why = self.args
        return f"Cannot read {what}: {why}."


class _Told:
    """An error as a reply tells it: its words and details come from the service."""

    def __init__(self, code: str, message: str, *, retryable: bool, details: Any) -> None:
        Exception.__init__(cast("Exception", self), message)
        self.code, self.retryable = code, retryable
        self._message, self._details = message, dict(details)
        # As the error has them where it is raised: limit, actual, argument.
        for name, value in self._details.items():
            if not hasattr(self, name):
                setattr(self, name, value)

    def __str__(self) -> str:
        return self._message

    def details(self) -> dict[str, Any]:
        """See ImageServiceError.details."""
        return dict(self._details)

    def __reduce__(self) -> Any:
        error = {"code": self.code, "retryable": self.retryable, **self._details}
        return error_from, ({"message": self._message, "error": error},)


_classes: dict[type[ImageServiceError], Any] = {}


def error_from(reply: Mapping[str, Any]) -> ImageServiceError:
    """Return the error that a failed reply tells of.

    It is an instance of the class of `image_service.errors` with its code; of one that this version
    does not know, of ImageServiceError.
    """
    error = dict(reply.get("error") or {})
    code = str(error.pop("code", ImageServiceError.code))
    retryable = bool(error.pop("retryable", False))
    message = str(reply.get("message") or code)
    base = _class_of(code)
    if base not in _classes:
        body = {"__module__": base.__module__, "__doc__": base.__doc__}
        _classes[base] = type(base.__name__, (_Told, base), body)
    told: ImageServiceError = _classes[base](code, message, retryable=retryable, details=error)
    return told


def _class_of(code: str) -> type[ImageServiceError]:
    if code == InternalError.code:
        return InternalError
    return next((cls for cls in _tree() if vars(cls).get("code") == code), ImageServiceError)


def _tree(root: type[ImageServiceError] = ImageServiceError) -> Iterator[type[ImageServiceError]]:
    for cls in root.__subclasses__():
        if not issubclass(cls, _Told):
            yield cls
            yield from _tree(cls)
