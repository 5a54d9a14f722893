"""Running the service as a process: checked before it starts, drained before it ends."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet
import yaml
from nameko.cli.main import setup_yaml_parser
from nameko.exceptions import ConfigurationError
from nameko.runners import ServiceRunner

from . import native, systemd
from .broker_check import StartError, broker_name, check_broker
from .catalogue.postgres import check_server
from .config import ConfigError, read_settings, with_broker
from .databases import postgres_options
from .errors import ImageServiceError, StorageUnavailable
from .places import ALONE, PLACE_KEY, Place
from .rpc.connections import LaneConnection
from .service import ImageService
from .settings import Settings
from .sight import logs, profiling
from .storage import LeaseBook, LocalStore
from .storage.s3 import check_buckets
from .web.listening import listen

_log = logging.getLogger(__name__)

_DRAINS = 2  # RPC, then HTTP, each up to shutdown_timeout_s
_SPARE_S = 10
_STARTED_WITHIN_S = 5
_SET_UP_POLL_S = 0.05


def load(path: Path) -> tuple[dict[str, Any], Settings]:
    """Return config.yaml as Nameko's mapping and as our settings.

    Raises: ConfigError with every problem.
    """
    return read(text_of(path), path)


def text_of(path: Path) -> bytes:
    """Return what config.yaml says. Raises: ConfigError."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc


def read(text: bytes, path: Path) -> tuple[dict[str, Any], Settings]:
    """Return the text of config.yaml as load() does. Args: path: where it stands."""
    setup_yaml_parser()
    try:
        config = yaml.safe_load(text.decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ConfigurationError) as exc:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(config, dict):
        raise ConfigError(f"{path} must be a mapping of keys to values")
    folder = path.absolute().parent
    settings = read_settings(config, folder)
    return with_broker(config, folder), settings


def serve(
    config: dict[str, Any],
    settings: Settings,
    place: Place = ALONE,
    ready: Callable[[], object] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends it at once.

    Below a supervisor it does not: that has another way, and may say twice that it is to drain.
    Args: place: where this process stands; ready: called once it serves.
    Raises: StartError before anything is served.
    """
    logs.set_up(config, settings.log_format, settings.log_level, place.log_name)
    check_directories(settings)
    check_object_storage(settings)
    if place.is_alone:
        check_port(settings)
    check_broker(config, settings)
    check_catalogue(settings)
    runner = ServiceRunner({**config, PLACE_KEY: place})
    runner.add_service(ImageService)
    has_started, is_wanted = eventlet.event.Event(), True

    def stop() -> None:
        nonlocal is_wanted
        is_wanted = False
        # Nameko cannot stop what is still being set up. What then does not start in time waits for
        # a broker that has gone since it was checked, and can be stopped.
        while not (has_started.ready() or _is_set_up(runner)):
            eventlet.sleep(_SET_UP_POLL_S)
        has_started.wait(_STARTED_WITHIN_S)
        runner.stop()

    within_s = drained_within_s(settings)
    _on_signals(stop, at_most_s=within_s, is_patient=not place.is_alone)
    profiler = profiling.Profiler(settings.state_path / "profiles", _log.info)
    profiling.install(profiler, _log.warning)
    try:
        runner.start()
    except ImageServiceError as exc:
        raise StartError(f"{exc} Cause: {exc.__cause__ or 'none given'}") from exc
    has_started.send()
    if is_wanted:
        _log.info(
            "image_service is ready: RPC on %s, HTTP on %s",
            broker_name(config),
            settings.url_prefix,
        )
        ready()
        systemd.tell_ready()
    runner.wait()


def drained_within_s(settings: Settings) -> float:
    """Return after how long a process that was told to stop ends, whatever hangs."""
    return _DRAINS * settings.shutdown_timeout_s + _SPARE_S


def check_directories(settings: Settings) -> None:
    """Make the directories and write to them. Raises: StartError."""
    # Leases are kept in the state directory: looked at first, so that the right one is named.
    state_key = "state_dir" if settings.state_dir else "upload_dir"
    leases = LeaseBook(settings.state_path / "leases")
    for key, path in ((state_key, settings.state_path), ("upload_dir", settings.upload_path)):
        try:
            lease = leases.acquire()
            try:
                if path == settings.upload_path and settings.has_files:
                    LocalStore(path, leases, lease).check()
            finally:
                lease.release()
        except (OSError, ImageServiceError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else str(exc)
            raise StartError(f"{key} {path} cannot be written: {why}") from exc


def check_object_storage(settings: Settings) -> None:
    """Write to the buckets, read from them and clear that up. Raises: StartError."""
    try:
        check_buckets(settings)
    except ImageServiceError as exc:
        named = {"s3_originals": settings.s3_originals, "originals_also": settings.originals_also}
        keys = next((key for key, is_set in named.items() if is_set), "s3_variants")
        where = " ".join(settings.buckets) or settings.s3_variants
        raise StartError(f"{keys} {where} cannot be used: {exc}") from exc


def check_port(settings: Settings) -> None:
    """See whether the address can be listened on. Raises: StartError."""
    listening(settings).close()


def listening(settings: Settings) -> socket.socket:
    """Return a socket that listens where the settings say. Raises: StartError."""
    try:
        return listen(settings.host, settings.port, share=settings.http_share_port)
    except (OSError, OverflowError) as exc:
        why = getattr(exc, "strerror", None) or str(exc)
        raise StartError(
            f"cannot listen on {settings.host}:{settings.port}: {why}. "
            "Set IMAGE_SERVICE_HOST and IMAGE_SERVICE_PORT to a free address."
        ) from exc


def check_catalogue(settings: Settings) -> None:
    """Log in to PostgreSQL once, where it keeps the catalogue. Raises: StartError."""
    options = postgres_options(settings)
    try:
        if options:
            check_server(options)
    except StorageUnavailable as exc:
        raise StartError(f"{exc.args[0]}. Check IMAGE_SERVICE_CATALOGUE_URL.") from exc


def _is_set_up(runner: ServiceRunner) -> bool:
    """Tell whether all extensions are, for some have begun with what comes after that."""
    extensions = [each for container in runner.containers for each in container.extensions]
    return any(each.is_starting for each in extensions if isinstance(each, LaneConnection))


def _on_signals(stop: Callable[[], None], *, at_most_s: float, is_patient: bool = False) -> None:
    """Call stop in a green thread on the first signal, end the process on the second.

    Args: is_patient: not on the second either.

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
        if not next(signals):
            last_resort.start()
            write(write_fd, b"!")
        elif not is_patient:
            end()

    eventlet.spawn_n(wait)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)
