"""What a method answers when it fails: a dict of its own shape, never an exception."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..errors import ImageServiceError, InternalError
from ..sight.causes import log_cause

_log = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Mapping[str, Any]])
_BLANK, _REFUSALS = "answers_blank", "answers_refusals"


def answers(
    blank: Mapping[str, Any], *refusals: type[ImageServiceError]
) -> Callable[[Method], Method]:
    """Mark a service method that answers a dict whatever happens.

    Args:
        blank: the typed fields of its reply on failure: empty text, null, 0 or empty list.
        refusals: the errors it may answer beside refusals.ALWAYS.
    """

    def decorate(method: Method) -> Method:
        @functools.wraps(method)
        def answering(self: Any, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
            try:
                return method(self, *args, **kwargs)
            except ImageServiceError as exc:
                log_cause(_log, exc)
                return failure_of(answering, exc)
            except Exception:  # noqa: BLE001 - whatever it is, the caller gets an answer
                _log.exception("%s failed", method.__name__)
                return failure_of(answering, InternalError())

        # Nameko checks a call's arguments against this before it starts a worker.
        answering.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        setattr(answering, _BLANK, blank)
        setattr(answering, _REFUSALS, refusals)
        return answering  # type: ignore[return-value]

    return decorate


def failure(blank: Mapping[str, Any], exc: ImageServiceError) -> dict[str, Any]:
    """Return the reply for exc: blank's fields, a message for people, an error for programs."""
    error = {"code": exc.code, "retryable": exc.retryable, **exc.details()}
    return {**blank, "success": False, "message": str(exc), "error": error}


def failure_of(method: Any, exc: ImageServiceError) -> dict[str, Any]:
    """Return the failure reply of a method marked with @answers."""
    return failure(getattr(method, _BLANK, {}), exc)


def refusals_of(method: Any) -> tuple[type[ImageServiceError], ...] | None:
    """Return the errors that a method marked with @answers may answer; None for another."""
    return getattr(method, _REFUSALS, None)
