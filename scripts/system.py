"""Broker and service together: what `make run`, `make dev` and `make demo` start and stop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from scripts import broker, state
from scripts.parent import stop_with_make
from scripts.service import Service, check

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Someone asked the tool to stop: Ctrl-C, SIGTERM, or a closed terminal."""


class System(NamedTuple):
    """What runs.

    Attributes:
        amqp_uri: the broker.
        url: where the service answers HTTP.
        service: to look at it, or to restart it.
    """

    amqp_uri: str
    url: str
    service: Service


@contextlib.contextmanager
def stop_signals_raise() -> Iterator[None]:
    """Turn the signals that ask a tool to stop into `Stopped`, once; later ones are ignored.

    What follows the first is the orderly stop, which a second Ctrl-C should not tear.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        # SIGINT even where it is ignored, as in a script's background job; but nohup means it.
        if number != signal.SIGHUP or before[number] != signal.SIG_IGN:
            signal.signal(number, stop)
    stop_with_make()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def started(environment: dict[str, str] | None = None, log: Path | None = None) -> Iterator[System]:
    """Run broker and service for the length of a `with` block; stop what was started here.

    Args:
        environment: settings of the service that differ from this tool's environment.
        log: file for the service's output; this tool's own output when None.
    Raises: ToolError, ServiceFailed when one of them cannot run.
    """
    environment = dict(environment or {})
    with state.only_supervisor():
        broker.check_given()  # what can be wrong at once is looked at before what takes time
        url = check(environment=environment)
        with broker.obtained() as chosen:
            environment["AMQP_URI"] = chosen.uri
            state.write(amqp_uri=chosen.uri, url=None)
            service = Service(base_url=url, environment=environment, log=log)
            try:
                service.start()
                state.write(amqp_uri=chosen.uri, url=None)
                service.wait_until_ready()
                state.write(amqp_uri=chosen.uri, url=url)
                yield System(chosen.uri, url, service)
            finally:
                service.stop()
