"""The call that is being worked on: what its log lines and its trace are told by."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tracing import Trace

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_MOST_ID_CHARACTERS = 200
# An id for each would be asked of the kernel, for thousands of requests a second.
_PROCESS = uuid.uuid4().hex[:16]
_numbers = itertools.count(1)


class Call:
    """One RPC call or HTTP request.

    id: what all lines about it carry. stack: the ids of the calls that led to it, its own last.
    is_named: whether id is the one it keeps. trace_id: "" where it is not traced; work that is
    done for a call after its end is told by it, too.
    """

    __slots__ = ("id", "is_named", "stack", "trace", "trace_id")

    def __init__(self, call_id: str, *, is_named: bool = True) -> None:
        self.id = call_id[:_MOST_ID_CHARACTERS]
        self.is_named = is_named
        self.stack: tuple[str, ...] = ()
        self.trace: Trace | None = None
        self.trace_id = ""

    def name(self, call_id: str, stack: Sequence[str]) -> None:
        """Take the id and stack that Nameko gives a call once it is worked on."""
        self.is_named = True
        self.id = call_id[:_MOST_ID_CHARACTERS]
        self.stack = tuple(each[:_MOST_ID_CHARACTERS] for each in stack)


_current: ContextVar[Call | None] = ContextVar("image_service_call", default=None)


def enter(call: Call | None) -> None:
    """Say what this green thread works on from now on.

    Native threads know it, too, where OffHub brings work to them.
    """
    _current.set(call)


def current() -> Call | None:
    """Return what this thread works on, None for nobody's call."""
    return _current.get()


def request_id(given: str | None) -> str:
    """Return the id of an HTTP request: the caller's if it is sane, else a new one."""
    if given and _SANE_ID.fullmatch(given):
        return given
    return f"{_PROCESS}-{next(_numbers):x}"
