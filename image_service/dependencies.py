"""The composition root: settings become a running application, and Nameko's dependencies."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import itertools
import logging
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import eventlet
import sqlalchemy as sa
from eventlet import tpool
from eventlet.greenthread import GreenThread
from eventlet.semaphore import Semaphore
from nameko.extensions import DependencyProvider, SharedExtension

from . import __version__, memory
from .backup_log import BackupLog
from .catalogue import SqlCatalogue
from .catalogue.migrate import upgrade
from .catalogue.reserve import Reserve
from .catalogue.sqlite import create_sqlite_engine, create_sqlite_writer
from .config import read_settings
from .domain.image import image_id_of
from .domain.original_url import SignedOriginals
from .domain.outcomes import Delivery
from .domain.signing import Signer, read_keys
from .eager import EagerVariants
from .errors import StorageUnavailable
from .flights import Flights
from .health import Health
from .imaging.decoders import accepted_formats
from .imaging.engine import PooledEngine, PooledRenderer
from .imaging.limits import GC_THRESHOLDS, Limits
from .imaging.pool import WorkerPool
from .imaging.watch import REASONS
from .lulls import LullWork
from .manager import StorageManager
from .off_hub import Notices, OffHub
from .renders import Renders
from .scrub import Scrub, ScrubLog
from .settings import Settings
from .sight import lag, tracing
from .sight.logs import AccessLog
from .sight.meters import Meters
from .sight.watches import MeteredRenderer, PoolMeter
from .storage import HostLock, LeaseBook, LocalStore, LocalVariants
from .variants import Variant, Variants
from .verify import Verifier

_log = logging.getLogger(__name__)

T = TypeVar("T")

DELIVERY_CONTEXT_KEY = "image_service_delivery"
"""Where the RPC entrypoint leaves a call's Delivery; never sent on to other services."""

_HEALTH_TIMEOUT_S = 0.8
_SHARED_THREADS = 16
_POLL_S = 0.02
# Of the shared threads so many may wait for an image worker: reads and checks never do.
_DECODES_AT_ONCE = 8
_MAX_VARIANT_BYTES = 128 * 1024 * 1024


class SystemClock:
    """The Clock of the machine."""

    def now_ms(self) -> int:
        """See Clock.now_ms."""
        return time.time_ns() // 1_000_000


@dataclass
class BrokerState:
    """Which connections to the broker are consuming; told by the lanes."""

    consuming: dict[str, bool] = field(default_factory=dict)

    def check(self) -> None:
        """Raise StorageUnavailable while a lane is not consuming."""
        down = sorted(lane for lane, is_up in self.consuming.items() if not is_up)
        if down:
            raise StorageUnavailable(f"not connected to RabbitMQ: {', '.join(down)}")


class Application:
    """Everything one process of the service is made of."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.started_s = time.monotonic()
        self.broker = BrokerState()
        self.clock = SystemClock()
        self._notices = Notices()
        self.meters = Meters()
        self.access = AccessLog(settings.access_log)
        self.tracing = tracing.create(__version__, _log.warning)
        self.decoding = Semaphore(_DECODES_AT_ONCE)
        self.accepted = accepted_formats()
        self._host_lock = HostLock(settings.state_path / "host.lock")
        self._leases = LeaseBook(settings.state_path / "leases")
        self._lease = self._leases.acquire()
        self._local = LocalStore(
            settings.upload_path,
            self._leases,
            self._lease,
            min_free_bytes=settings.min_free_bytes,
            archive=settings.archive_path,
        )
        self._sql = self._create_catalogue()
        traced = self.tracing.traced
        self._pool = self._create_pool()
        engine = PooledEngine(self._pool)
        self._cache = LocalVariants(
            settings.cache_path,
            max_bytes=settings.cache_bytes,
            max_wait_s=settings.render_timeout_s,
        )
        self._render_pool = self._create_render_pool()
        renderer = MeteredRenderer(
            PooledRenderer(
                self._render_pool, _watermarks(settings), shrink_on_load=settings.shrink_on_load
            ),
            self.meters,
        )
        cache = traced("cache", self._cache)
        manager = StorageManager(
            traced("storage", self._local),
            traced("catalogue", self._sql),
            engine,
            self.clock,
            cache,
            max_upload_bytes=settings.max_upload_bytes,
            idempotency_window_s=settings.idempotency_window_s,
            trash_retention_days=settings.trash_retention_days,
            retention_days=settings.retention_days,
            quotas=settings.quotas,
            strip=settings.strip_metadata,
            accepted=self.accepted,
        )
        self.engine = self._off_hub("engine", engine)
        self.manager = self._off_hub("manager", manager)
        renders = Renders(
            manager,
            renderer,
            cache,
            self.clock,
            keeps_mezzanines=settings.keeps_mezzanines,
        )
        variants = Variants(manager, renders, cache, self.clock, settings.qualities)
        self.variants = self._off_hub("variants", variants)
        self.cache_counts = variants.counts
        # What of them needs no native thread.
        self.variants_at_once = variants
        self.renders: Flights[Variant | None] = Flights(
            at_once=settings.render_worker_count,
            max_waiting=settings.render_queue,
            # The other half of the connections is for those that need not wait.
            max_followers=settings.http_max_connections // 2,
        )
        self.eager = EagerVariants(
            self.variants, self.renders, names=settings.eager_presets, presets=settings.presets
        )
        self.lulls = LullWork(
            renders.would_leave, self._off_hub("renders", renders).leave, self.renders
        )
        self.signer = Signer(
            read_keys(settings.signing_keys.get_secret_value()),
            allow_unsigned=settings.opens_unsigned_variants,
        )
        self.signed_originals = (
            SignedOriginals(
                self.signer,
                ttl_s=settings.signed_url_ttl_s,
                now_s=lambda: self.clock.now_ms() // 1000,
            )
            if settings.require_signed_originals
            else None
        )
        checks: dict[str, Callable[[], None]] = {
            "storage": self._off_hub("storage", self._local).check,
            "catalogue": self._off_hub("catalogue", self._sql).check,
            "broker": self.broker.check,
            "workers": functools.partial(_check_all, engine.check, renderer.check),
        }
        scrub = Scrub(
            Verifier(self._local, self._sql),
            ScrubLog(settings.state_path),
            bytes_at_once=int(settings.scrub_bytes_per_s * settings.sweep_interval_s),
            report=self._notices.add,
        )
        self.scrub = self._off_hub("scrub", scrub)
        self.backups = self._off_hub("backups", BackupLog(settings.state_path))
        self._integrity = scrub
        self.health = Health(checks, timeout_s=_HEALTH_TIMEOUT_S)
        self._follow()

    def start(self) -> None:
        """Make what is missing, clear up after dead processes, start the workers."""
        self._host_lock.acquire()
        self._pool.start()
        self._render_pool.start()
        self._local.prepare()
        self._sql.prepare()
        self._cache.prepare()
        if self.settings.opens_unsigned_variants:
            _log.info(
                "urls of variants need no signature%s: set signing_keys before others can reach it",
                " from this machine" if self.settings.unsigned_variants == "auto" else "",
            )
        elif not self.settings.signing_keys.get_secret_value():
            _log.warning("no variants are served: set signing_keys (`image-service make-key`)")
        swept = self.manager.sweep()
        if swept:
            _log.info("removed %d file(s) that an interrupted request left behind", swept)
        if not self._sql.used().files and _holds_originals(self._local):
            _log.warning(
                "the catalogue is empty and there are originals: was it lost? "
                "`image-service restore` or `rebuild` brings it back"
            )

    @property
    def integrity(self) -> dict[str, Any] | None:
        """How the last verification of all images ended."""
        return self._integrity.last

    def stop(self) -> None:
        """End the workers and let go of the store."""
        self._pool.stop()
        self._render_pool.stop()
        self.tracing.stop()
        self._cache.close()
        self._sql.close()
        # What a native thread may still be writing is left over once this process has ended, not
        # before: the lease ends with it.
        if self._local.is_at_rest:
            self._lease.release()
            self._host_lock.release()

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers that look at uploads."""
        return self._pool.pids()

    def render_worker_pids(self) -> list[int]:
        """Return the process ids of the workers that make variants."""
        return self._render_pool.pids()

    def _off_hub(self, name: str, blocking: T) -> T:
        """Args: name: what a trace calls it."""
        return self.tracing.traced(name, cast(T, OffHub(blocking, self._notices.tell)))

    def _follow(self) -> None:
        """Have the meters look at what changes by itself."""
        meters, settings = self.meters, self.settings
        meters.renders_queue.follow(lambda: self.renders.count)
        meters.renders_queue_limit.follow(lambda: self.renders.limit)
        meters.http_connections_limit.follow(lambda: settings.http_max_connections)
        for name, pool in (("uploads", self._pool), ("renders", self._render_pool)):
            meters.workers.follow(functools.partial(getattr, pool, "living"), (name,))
            meters.workers_limit.follow(functools.partial(getattr, pool, "size"), (name,))
            meters.workers_waiting.follow(functools.partial(getattr, pool, "waiting"), (name,))
            limit = functools.partial(getattr, pool, "max_waiting")
            meters.workers_waiting_limit.follow(limit, (name,))

    def _create_catalogue(self) -> SqlCatalogue:
        folder = self.settings.state_path
        file, timeout_s = folder / "catalogue.sqlite3", self.settings.catalogue_timeout_s
        engine = create_sqlite_engine(file, timeout_s=timeout_s)
        return SqlCatalogue(
            engine,
            prepare=functools.partial(_prepare_catalogue, folder, engine),
            holder=self._lease.id,
            is_alive=self._leases.is_alive,
            writer=create_sqlite_writer(file, timeout_s=timeout_s),
            reserve=Reserve(folder / "reserve"),
            committed=self.meters.committed,
        )

    def _create_render_pool(self) -> WorkerPool:
        settings = self.settings
        limits = replace(
            Limits.of(settings),
            worker_cpu_s=settings.render_cpu_s,
            worker_memory_bytes=settings.render_memory_bytes,
            # What comes back is no message: a large picture as PNG.
            max_message_bytes=max(settings.max_message_bytes, _MAX_VARIANT_BYTES),
        )
        return WorkerPool(
            limits,
            workers=settings.render_worker_count,
            max_waiting=settings.render_worker_count,  # the queue is before the native threads
            timeout_s=settings.render_timeout_s,
            jobs_before_restart=settings.worker_jobs_before_restart,
            report=self._notices.add,
            watch=PoolMeter(self.meters, "renders", REASONS),
        )

    def _create_pool(self) -> WorkerPool:
        settings = self.settings
        return WorkerPool(
            Limits.of(settings),
            workers=settings.image_worker_count,
            max_waiting=settings.worker_queue,
            timeout_s=settings.worker_timeout_s,
            jobs_before_restart=settings.worker_jobs_before_restart,
            report=self._notices.add,
            watch=PoolMeter(self.meters, "uploads", REASONS),
        )


def _holds_originals(store: LocalStore) -> bool:
    return any(map(image_id_of, itertools.islice(store.names(), 1000)))


def _check_all(*checks: Callable[[], None]) -> None:
    for check in checks:
        check()


def _watermarks(settings: Settings) -> dict[str, bytes]:
    """Return the files of watermarks by name, that without one as ""."""
    return {name: path.read_bytes() for name, path in settings.watermark_files.items()}


def _prepare_catalogue(folder: Path, engine: sa.Engine) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / "catalogue.lock"):
        upgrade(engine)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Keep the other processes of this machine out meanwhile."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Core(SharedExtension):
    """Holds the Application of a Nameko container, for every extension that needs a part of it."""

    app: Application
    _watching: GreenThread

    def setup(self) -> None:
        """Build and start the application before anything is served."""
        config = self.container.config
        settings = read_settings(config, config_folder())
        memory.keep_freed()
        # Uploads, by RPC and as many by HTTP, and renders take a thread for as long as they last;
        # all else shares the others.
        longest = 2 * settings.upload_concurrency + settings.render_worker_count
        tpool.set_num_threads(longest + _SHARED_THREADS)
        self.app = Application(settings)
        self.app.start()

    def start(self) -> None:
        """Spare the garbage collector what stays for good: modules, tables, this application.

        A full collection goes over 110,000 such objects and holds every call up for 50 ms. The
        small ones cost an upload a twelfth of its time at Python's own thresholds.
        """
        watch = functools.partial(lag.watch, self.app.meters.loop_lag)
        self._watching = eventlet.spawn(watch)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)

    def stop(self) -> None:
        """End it after the last call, and after the last render that a client waits for."""
        deadline_s = time.monotonic() + self.app.settings.shutdown_timeout_s
        while not self.app.renders.is_idle and time.monotonic() < deadline_s:
            eventlet.sleep(_POLL_S)
        self._watching.kill()
        self.app.stop()

    def kill(self) -> None:
        """End it at once, if it ever began."""
        if hasattr(self, "app"):
            self.app.stop()


class CoreProvider(DependencyProvider):
    """Base of the providers that inject a part of the application."""

    core = Core()


class StorageProvider(CoreProvider):
    """Injects the StorageManager: `storage = StorageProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> StorageManager:  # noqa: ARG002
        """See DependencyProvider."""
        return self.core.app.manager


class ApplicationProvider(CoreProvider):
    """Injects the whole Application, for health and settings."""

    def get_dependency(self, worker_ctx: Any) -> Application:  # noqa: ARG002
        """See DependencyProvider."""
        return self.core.app


class DeliveryProvider(DependencyProvider):
    """Injects how the call came: `delivery = DeliveryProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> Delivery | None:
        """See DependencyProvider."""
        return cast("Delivery | None", worker_ctx.data.pop(DELIVERY_CONTEXT_KEY, None))


def config_folder(arguments: list[str] | None = None) -> Path:
    """Return the folder of config.yaml, in which relative paths begin.

    Nameko hands over what the file says but not where it is: that stands on the command line
    alone. Without --config it is the current folder.
    """
    words = sys.argv if arguments is None else arguments
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--config" and following:
            return Path(following).absolute().parent
        if word.startswith("--config="):
            return Path(word.partition("=")[2]).absolute().parent
    return Path.cwd()
