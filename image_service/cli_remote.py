"""What the commands that call a running service share: the way there, exit codes, output."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .cli_common import EXIT_CONFIG, EXIT_FAILED, fail

if TYPE_CHECKING:
    from rich.console import Console

    from .client import ImageApi, ImageClient

EXIT_NOT_FOUND, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 4, 5, 130
"""Exit codes: no such image; no broker, no service or no answer in time; Ctrl-C."""

TIMEOUT_S = 60.0

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
transform_option = click.option(
    "--transform",
    help="Options of a variant, as rs:fit:400:400/f:webp (docs/variants.md); else the original.",
)
REMOTE_OPTIONS = (
    click.option("--amqp-uri", default="", help="The broker; else AMQP_URI, or what runs here."),
    click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        help="A configuration that says where the broker is.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(0, min_open=True),
        default=TIMEOUT_S,
        show_default=True,
        help="Seconds that a call may take.",
    ),
    click.option("--owner", nargs=2, metavar="KEY NAME", help="Who calls; KEY is its owner_key."),
)
DIRECT_OPTION = click.option(
    "--direct",
    is_flag=True,
    help="Straight on the store that the configuration names, without broker or service.",
)


def remote(
    command: Command, attempts: int = 2, *, may_be_direct: bool = True, may_be_new: bool = False
) -> Command:
    """Give a command the options of the way to the service, and its client as first argument.

    Args:
        attempts: how often a call is made that fails and may go better: somebody waits.
        may_be_direct: whether it can do without a service; may_be_new: and without a store.
    """

    @functools.wraps(command)
    def connecting(
        *args: Any,
        amqp_uri: str,
        config_path: Path | None,
        timeout_s: float,
        owner: tuple[str, str] | None,
        direct: bool = False,
        **options: Any,
    ) -> Any:
        # Nothing here is green, and eventlet would load a resolver of its own: 0.1 s.
        os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
        # What amqp says of connections that end is told in one line, below.
        logging.getLogger("amqp").setLevel(logging.CRITICAL)
        if direct and amqp_uri:
            raise click.UsageError("--direct needs no broker: give it or --amqp-uri, not both")
        context_data = dict([owner]) if owner else {}
        with told(), contextlib.ExitStack() as stack:
            way = (
                _store(config_path, context_data, may_be_new=may_be_new)
                if direct
                else _client(_broker(amqp_uri, config_path), attempts, timeout_s, context_data)
            )
            return command(stack.enter_context(way), *args, **options)

    for option in reversed((*REMOTE_OPTIONS, DIRECT_OPTION) if may_be_direct else REMOTE_OPTIONS):
        connecting = option(connecting)
    return connecting  # type: ignore[return-value]


patient_remote = functools.partial(remote, attempts=8, may_be_new=True)
"""The same for what may take hours, and goes on when the broker is back within half a minute."""

live_remote = functools.partial(remote, may_be_direct=False)
"""The same for what asks a running service about itself."""


def _broker(amqp_uri: str, config_path: Path | None) -> dict[str, Any]:
    from .client.address import find_broker

    try:
        return find_broker(amqp_uri, config_path)
    except OSError as exc:
        fail(EXIT_CONFIG, f"cannot read {exc.filename}: {exc.strerror}")
    except ValueError as exc:
        fail(EXIT_CONFIG, exc)


def _store(
    config_path: Path | None, context_data: dict[str, Any], *, may_be_new: bool
) -> contextlib.AbstractContextManager[ImageApi]:
    from .config import ConfigError
    from .direct import opened_images
    from .serve import load

    try:
        _, settings = load(config_path or Path("config.yaml"))
    except ConfigError as exc:
        fail(EXIT_CONFIG, exc)
    return opened_images(settings, context_data, may_be_new=may_be_new)


def _client(
    config: dict[str, Any], attempts: int, timeout_s: float, context_data: dict[str, Any]
) -> ImageClient:
    from .client import ImageClient

    return ImageClient(
        config["AMQP_URI"],
        timeout_s=timeout_s,
        attempts=attempts,
        config=config,
        context_data=context_data,
    )


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell what goes wrong in one line, and exit with its code."""
    from .errors import ImageServiceError

    try:
        yield
    except ImageServiceError as exc:
        fail(exit_code_of(exc), str(exc))
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):
            raise
        fail(EXIT_FAILED, f"{exc.strerror or type(exc).__name__}: {exc.filename or 'a file'}")
    except KeyboardInterrupt:
        fail(EXIT_INTERRUPTED, "interrupted")


def exit_code_of(exc: BaseException) -> int:
    """Return the exit code for an error."""
    from .client import CallTimedOut, ServiceNotRunning, ServiceUnreachable
    from .errors import ImageNotFound

    if isinstance(exc, ImageNotFound):
        return EXIT_NOT_FOUND
    if isinstance(exc, (CallTimedOut, ServiceNotRunning, ServiceUnreachable)):
        return EXIT_UNREACHABLE
    return EXIT_FAILED


def of_each(image_ids: tuple[str, ...], work: Callable[[str], object]) -> None:
    """Do something to each image; tell of those that fail, and exit with the last one's code."""
    from .errors import ImageServiceError

    code = 0
    for image_id in image_ids:
        try:
            work(image_id)
        except ImageServiceError as exc:
            code = exit_code_of(exc)
            if code == EXIT_UNREACHABLE:
                raise
            click.echo(f"image-service: error: {exc}", err=True)
    if code:
        sys.exit(code)


def print_json(value: object) -> None:
    """Print one line of JSON: a result, a mapping, a list."""
    from .client.fields import to_wire

    click.echo(json.dumps(to_wire(value), ensure_ascii=False))


def is_terminal() -> bool:
    """Tell whether people read the output."""
    return sys.stdout.isatty()


def console(*, stderr: bool = False) -> Console:
    """Return rich's console; it colours nothing that people do not look at."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return text that cannot move the cursor: filenames come from anywhere."""
    return "".join(c if c.isprintable() else "�" for c in text)
