"""Running the service as a process: checked before it starts, drained before it ends."""

from __future__ import annotations

import itertools
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet
import yaml
from kombu import Connection
from kombu.exceptions import OperationalError
from nameko.cli.main import setup_yaml_parser
from nameko.constants import AMQP_SSL_CONFIG_KEY, AMQP_URI_CONFIG_KEY, LOGIN_METHOD_CONFIG_KEY
from nameko.exceptions import ConfigurationError
from nameko.runners import ServiceRunner

from . import native
from .backends import postgres_options
from .catalogue.postgres import check_server
from .config import ConfigError, read_settings
from .errors import ImageServiceError, StorageUnavailable
from .service import ImageService
from .settings import Settings
from .sight import logs, profiling
from .storage import LeaseBook, LocalStore
from .storage.s3 import check_buckets
from .web.server import listen

_log = logging.getLogger(__name__)

_BROKER_TIMEOUT_S = 5
_DRAINS = 2  # RPC, then HTTP, each up to shutdown_timeout_s
_SPARE_S = 10


class StartError(Exception):
    """Raised when the service cannot start: StartError(line, …), each naming what to do."""


def load(path: Path) -> tuple[dict[str, Any], Settings]:
    """Return config.yaml as Nameko's mapping and as our settings.

    Raises: ConfigError with every problem.
    """
    setup_yaml_parser()
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, ConfigurationError) as exc:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(config, dict):
        raise ConfigError(f"{path} must be a mapping of keys to values")
    return config, read_settings(config, path.absolute().parent)


def serve(config: dict[str, Any], settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Raises: StartError before anything is served.
    """
    logs.set_up(config, settings.log_format, settings.log_level)
    check_directories(settings)
    check_object_storage(settings)
    check_port(settings)
    check_broker(config)
    check_catalogue(settings)
    runner = ServiceRunner(config)
    runner.add_service(ImageService)
    _on_signals(runner.stop, at_most_s=_DRAINS * settings.shutdown_timeout_s + _SPARE_S)
    profiler = profiling.Profiler(settings.state_path / "profiles", _log.info)
    profiling.install(profiler, _log.warning)
    try:
        runner.start()
    except ImageServiceError as exc:
        raise StartError(f"{exc} Cause: {exc.__cause__ or 'none given'}") from exc
    _log.info(
        "image_service is ready: RPC on %s, HTTP on %s", broker_name(config), settings.url_prefix
    )
    runner.wait()


def check_directories(settings: Settings) -> None:
    """Make the directories and write to them. Raises: StartError."""
    # Leases are kept in the state directory: looked at first, so that the right one is named.
    state_key = "state_dir" if settings.state_dir else "upload_dir"
    leases = LeaseBook(settings.state_path / "leases")
    for key, path in ((state_key, settings.state_path), ("upload_dir", settings.upload_path)):
        try:
            lease = leases.acquire()
            try:
                if path == settings.upload_path and not settings.s3_originals:
                    LocalStore(path, leases, lease).check()
            finally:
                lease.release()
        except (OSError, ImageServiceError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise StartError(f"{key} {path} cannot be written: {why}") from exc


def check_object_storage(settings: Settings) -> None:
    """Write to the buckets, read from them and clear that up. Raises: StartError."""
    try:
        if settings.s3_originals:
            check_buckets(settings)
    except ImageServiceError as exc:
        raise StartError(f"s3_originals {settings.s3_originals} cannot be used: {exc}") from exc


def check_port(settings: Settings) -> None:
    """See whether the address can be listened on. Raises: StartError."""
    try:
        listen(settings.host, settings.port, share=settings.http_share_port).close()
    except (OSError, OverflowError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port}: {why}. "
            "Set IMAGE_SERVICE_HOST and IMAGE_SERVICE_PORT to a free address."
        ) from exc


def check_broker(config: dict[str, Any]) -> None:
    """Log in to RabbitMQ once. Raises: StartError."""
    name = broker_name(config)
    connection = Connection(
        config.get(AMQP_URI_CONFIG_KEY),
        ssl=config.get(AMQP_SSL_CONFIG_KEY),
        login_method=config.get(LOGIN_METHOD_CONFIG_KEY),
        connect_timeout=_BROKER_TIMEOUT_S,
    )
    try:
        with eventlet.Timeout(_BROKER_TIMEOUT_S + 2), connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_TIMEOUT_S)
    except eventlet.Timeout:
        raise StartError(f"RabbitMQ at {name} does not answer. Check AMQP_URI.") from None
    except Exception as exc:  # whatever the transport raises, one line is what helps
        raise StartError(_broker_problem(name, exc)) from exc


def check_catalogue(settings: Settings) -> None:
    """Log in to PostgreSQL once, where it keeps the catalogue. Raises: StartError."""
    options = postgres_options(settings)
    try:
        if options:
            check_server(options)
    except StorageUnavailable as exc:
        raise StartError(f"{exc.args[0]}. Check IMAGE_SERVICE_CATALOGUE_URL.") from exc


def broker_name(config: dict[str, Any]) -> str:
    """Return the broker's URI without its password."""
    return ";".join(map(_without_password, str(config.get(AMQP_URI_CONFIG_KEY, "")).split(";")))


def _without_password(uri: str) -> str:
    # Up to the last @: one that should have been written as %40 is in the password.
    head, at, host = uri.rpartition("@")
    scheme, slashes, user = head.partition("://")
    return f"{scheme}{slashes}{user.partition(':')[0]}:********@{host}" if at else uri


def _broker_problem(name: str, exc: Exception) -> str:
    cause = exc.__cause__ if isinstance(exc, OperationalError) and exc.__cause__ else exc
    text = " ".join(str(cause).split())
    if "ACCESS_REFUSED" in text or "403" in text:
        return f"RabbitMQ at {name} refused the user or password. Check AMQP_URI."
    if "NOT_ALLOWED" in text or "530" in text:
        return f"RabbitMQ at {name} has no such virtual host for this user. Check AMQP_URI."
    return f"cannot reach RabbitMQ at {name}: {text or type(cause).__name__}. Check AMQP_URI."


def _on_signals(stop: Callable[[], None], *, at_most_s: float) -> None:
    """Call stop in a green thread on the first signal, end the process on the second.

    It is also ended when stopping takes longer than at_most_s: a native thread may hang on a disk,
    and is waited for when the hub is gone. So neither needs the hub.

    A pipe wakes the hub: Python resumes an interrupted poll, so a green thread that a handler
    spawns would wait until the next timer.
    """
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    pipe = eventlet.greenio.GreenPipe(read_fd, "rb", 0)

    # The green os.write would try to switch greenlets, which a handler must not.
    write = native.os.write

    def wait() -> None:
        pipe.read(1)
        _log.info("stopping: finishing what is being worked on")
        stop()

    def end() -> None:
        write(2, b"stopped at once: unfinished calls will be delivered again\n")
        os._exit(130)

    last_resort = native.threading.Timer(at_most_s, end)
    last_resort.daemon = True
    signals = itertools.count()

    def handler(signum: int, frame: object) -> None:  # noqa: ARG001
        if next(signals):
            end()
        last_resort.start()
        write(write_fd, b"!")

    eventlet.spawn_n(wait)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)
