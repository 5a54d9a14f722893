"""Log lines for people or programs, each with its call's id, none that a caller could forge."""

from __future__ import annotations

import functools
import json
import logging
import logging.config
import os
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl

from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

from .calls import Call, current

Format = Literal["text", "json"]
Access = Literal["all", "calls", "failures"]
CALL = "image_service_call"
"""The attribute of a record whose call is not the current one."""

_ACCESS = "image_service.access"
_TEXT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_FIELDS = ("asctime", "levelname", "name", "message")
_RENAMED = {"asctime": "timestamp", "levelname": "level", "name": "logger"}
_LINE = "    | "
# Control characters, and what else some viewers take for the end of a line.
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_ESCAPED |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
_ESCAPED |= {0x2028: "\\u2028", 0x2029: "\\u2029"}
# What follows is a signature, or the name of an upload that whoever knows it may go on with.
_BEFORE_SECRETS = ("/img/", "/files/")
_SHOWN_QUERIES = frozenset(("download", "limit", "order", "format"))
_MOST_PATH_CHARACTERS = 300


class TextFormatter(logging.Formatter):
    """One line a message: `time LEVEL logger: [call] message`; tracebacks are set off."""

    def __init__(self, fmt: str = _TEXT, process: str = "", **kwargs: Any) -> None:
        """Args: process: its number among several; lines then have it and the process id."""
        mark = f"{process}/{os.getpid()} %(name)s"
        super().__init__(fmt.replace("%(name)s", mark) if process else fmt, **kwargs)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        """See logging.Formatter."""
        if datefmt:
            return super().formatTime(record, datefmt)
        return f"{_local_time(int(record.created))}.{int(record.msecs):03d}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """See logging.Formatter."""
        call = _call_of(record)
        if call:
            record.message = f"[{call.id}] {record.message}"
        if not record.message.isprintable():
            record.message = record.message.translate(_ESCAPED)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """See logging.Formatter. What an exception says may have been sent by a caller."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(_LINE + line.translate(_ESCAPED) for line in lines)


class JsonFormatter(_JsonFormatter):
    """One JSON object a line: timestamp (RFC 3339, UTC), level, logger, message, call_id, …"""

    def __init__(self, fmt: Any = _FIELDS, process: str = "", **kwargs: Any) -> None:
        """Args: process: its number among several; lines then have it and the process id."""
        kwargs.setdefault("rename_fields", _RENAMED)
        self._process = {"process": process, "pid": os.getpid()} if process else {}
        super().__init__(fmt, **kwargs)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        """See logging.Formatter."""
        return _rfc3339(record.created)

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        """See JsonFormatter."""
        super().add_fields(log_data, record, message_dict)
        log_data.pop(CALL, None)
        log_data.update(self._process)
        log_data.update(_facts_of(_call_of(record)))

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. Access lines hold nothing that json cannot write by itself."""
        fields = getattr(record, "access", None)
        if fields is None:
            return super().format(record)
        return json.dumps(
            {
                "timestamp": _rfc3339(record.created),
                "level": record.levelname,
                "logger": record.name,
                "message": record.getMessage(),
                **self._process,
                **_facts_of(_call_of(record)),
                **fields,
            }
        )


class AccessLog:
    """Tells of each call and request in one line: at INFO what is wanted, at DEBUG the rest."""

    def __init__(self, wanted: Access) -> None:
        """Args: wanted: `failures`, or `calls`, too, or `all`: the pictures that were sent, too."""
        self._is_wanted = {"call": wanted != "failures", "request": wanted == "all"}
        self._log = logging.getLogger(_ACCESS)
        self._template = vars(logging.LogRecord(_ACCESS, logging.INFO, "", 0, "", (), None))

    def level_of(self, kind: Literal["call", "request"], *, is_failure: bool) -> int:
        """Return the level that a line would have, 0 where nobody would read it."""
        level = logging.INFO if is_failure or self._is_wanted[kind] else logging.DEBUG
        return level if self._log.isEnabledFor(level) else 0

    def tell(self, level: int, what: str, ended: str, fields: Mapping[str, Any]) -> None:
        """Write a line. Args: ended: an error's code, or an HTTP status; fields: JSON-safe."""
        message = (
            f"{what} {ended} in {fields['duration_ms']} ms, {fields['received_bytes']} B received, "
            f"{fields['sent_bytes']} B sent"
        )
        self._log.handle(self._record(level, message, fields))

    def _record(self, level: int, message: str, fields: Mapping[str, Any]) -> logging.LogRecord:
        """Return a copy of a record: to look up module, thread and process costs half of a line."""
        record = logging.LogRecord.__new__(logging.LogRecord)
        now_s = time.time()
        record.__dict__.update(
            self._template,
            levelno=level,
            levelname=logging.getLevelName(level),
            msg=message,
            created=now_s,
            msecs=now_s % 1 * 1000,
            access=fields,
        )
        return record


def configuration(format_: Format, level: str, process: str = "") -> dict[str, Any]:
    """Return what logging.config.dictConfig() takes: everything to standard error."""
    kind = JsonFormatter if format_ == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": kind, "process": process}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
    }


def set_up(config: Mapping[str, Any], format_: Format, level: str, process: str = "") -> None:
    """Begin to log: as Nameko's LOGGING key says where there is one. Raises: ValueError.

    Args: process: how lines name this process among several.
    """
    logging.config.dictConfig(config.get("LOGGING") or configuration(format_, level, process))


def redacted(path: str, query: str) -> str:
    """Return an address without what opens something: signatures, and values of queries."""
    shown = path[:_MOST_PATH_CHARACTERS]
    if shown.startswith(_BEFORE_SECRETS):
        _, first, _, *others = shown.split("/", 3)
        shown = "/".join(("", first, "***", *others))
    if not query:
        return shown
    try:
        pairs = parse_qsl(query[:_MOST_PATH_CHARACTERS], keep_blank_values=True)
    except ValueError:
        return f"{shown}?***"
    told = "&".join(f"{k}={v if k in _SHOWN_QUERIES else '***'}" for k, v in pairs)
    return f"{shown}?{told}"


def _call_of(record: logging.LogRecord) -> Call | None:
    return getattr(record, CALL, None) or current()


def _facts_of(call: Call | None) -> dict[str, Any]:
    if call is None:
        return {}
    facts: dict[str, Any] = {"call_id": call.id}
    if len(call.stack) > 1:
        facts["call_stack"] = list(call.stack)
    if call.trace_id:
        facts["trace_id"] = call.trace_id
    return facts


def _rfc3339(created_s: float) -> str:
    second, ms = divmod(int(created_s * 1000), 1000)
    return f"{_utc(second)}.{ms:03d}Z"


# Hundreds of lines are written in one second.
@functools.lru_cache(2)
def _utc(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@functools.lru_cache(2)
def _local_time(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
