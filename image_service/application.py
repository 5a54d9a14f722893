"""Settings become a running application: everything one process of the service is made of."""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

from eventlet.semaphore import Semaphore
from prometheus_client.core import Metric

from . import __version__
from .backends import Backends
from .backup_log import BackupLog
from .broker_state import BrokerState
from .clock import SystemClock
from .domain.original_url import SignedOriginals
from .domain.ports import ImageEngine
from .domain.signing import Signer, read_keys
from .domain.variant_ports import Renderer
from .eager import EagerVariants
from .flights import Flights
from .health import Health
from .imaging.decoders import accepted_formats
from .imaging.engine import PooledEngine, PooledRenderer
from .imaging.limits import Limits
from .imaging.pool import WorkerPool
from .imaging.watch import REASONS
from .lulls import LullWork
from .manager import StorageManager
from .off_hub import Notices, OffHub
from .outgoing import EventsState, Outgoing
from .places import ALONE, Place
from .renders import Renders
from .scrub import Scrub, ScrubLog
from .settings import Settings
from .sight import families, tracing
from .sight.logs import AccessLog
from .sight.meters import Meters
from .sight.pace import Pace
from .sight.shared import WRITE_INTERVAL_S, Numbers, OwnNumbers, SharedNumbers
from .sight.watches import MeteredRenderer, PoolMeter
from .storage import LocalVariants
from .storage.s3 import S3Store, SharedVariants, share_variants
from .upkeep import Upkeep
from .variants import CacheCounts, Variant, Variants
from .verify import Verifier

_log = logging.getLogger(__name__)

T = TypeVar("T")

_HEALTH_TIMEOUT_S = 0.8
# Of the shared threads so many may wait for an image worker: reads and checks never do.
_DECODES_AT_ONCE = 8
_MAX_VARIANT_BYTES = 128 * 1024 * 1024


class Application:
    """Everything one process of the service is made of."""

    def __init__(self, settings: Settings, place: Place = ALONE, *, is_green: bool = True) -> None:
        """Args:
        place: where this process stands; settings: its share of them.
        is_green: callers are green threads, which wait for native ones; else those.
        """
        self.settings = settings
        self.place = place
        self._is_green = is_green
        self.started_s = time.monotonic()
        # On one machine all processes stand still together: there is nobody to leave calls to.
        self.pace = Pace(settings.stall_s if settings.catalogue_url else 0)
        self.broker = BrokerState(self.pace)
        self.events = EventsState()
        self.on_news: Callable[[], None] = lambda: None
        self.clock = SystemClock()
        self._notices = Notices()
        self.meters = Meters()
        self.numbers = _numbers_of(place)
        self.access = AccessLog(settings.access_log)
        self.tracing = tracing.create(__version__, _log.warning)
        self.decoding = Semaphore(_DECODES_AT_ONCE)
        self.accepted = accepted_formats()
        self._backends = Backends(
            settings, min_free_bytes=settings.min_free_bytes, committed=self.meters.committed
        )
        self.store, catalogue = self._backends.store, self._backends.catalogue
        store = self.store
        traced = self.tracing.traced
        self._pool = self._create_pool()
        engine = PooledEngine(self._pool)
        self._cache = self._create_cache()
        self._render_pool = self._create_render_pool()
        renderer = MeteredRenderer(
            PooledRenderer(
                self._render_pool, _watermarks(settings), shrink_on_load=settings.shrink_on_load
            ),
            self.meters,
        )
        cache = traced("cache", self._cache)
        manager = StorageManager.of(
            settings,
            traced("storage", store),
            traced("catalogue", catalogue),
            engine,
            self.clock,
            cache,
            accepted=self.accepted,
            listings=traced(
                "catalogue",
                self._backends.listings(report=self._notices.add, told=self.meters.listed),
            ),
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
        self._own_lookups = variants.counts
        self._counted = (-math.inf, variants.counts)
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
        self.signed_originals = self._create_signed_originals()
        scrub = self._create_scrub()
        self.scrub = self._off_hub("scrub", scrub)
        upkeep = Upkeep(manager, scrub, self._backends.turns, interval_s=settings.sweep_interval_s)
        self.upkeep = self._off_hub("upkeep", upkeep)
        self.backups = self._off_hub("backups", BackupLog(settings.state_path))
        self.outgoing = self._create_outgoing()
        self._integrity = scrub
        self.health = self._create_health(engine, renderer)
        self._follow()

    def start(self) -> None:
        """Make what is missing, clear up after dead processes, start the workers."""
        self._backends.claim()
        if self._is_green:  # a command that needs no workers is spared them
            self._pool.start()
            self._render_pool.start()
        self._backends.prepare()
        if self._is_green:  # a command lists nothing, and need not wait for one that is away
            self._backends.look_at_standby()
        self._cache.prepare()
        if self._backends.where.reads_names():
            _log.warning(
                "searches for filenames read names, which takes long among many: run "
                "`image-service prepare-catalogue`, see Searches in docs/postgresql.md"
            )
        if self.settings.opens_unsigned_variants:
            _log.info(
                "urls of variants need no signature%s: set signing_keys before others can reach it",
                " from this machine" if self.settings.unsigned_variants == "auto" else "",
            )
        elif not self.settings.signing_keys.get_secret_value():
            _log.warning("no variants are served: set signing_keys (`image-service make-key`)")
        if self.settings.originals_also:
            _tell_of_the_move(self.settings)
        swept = self.manager.sweep()
        if swept:
            _log.info("removed %d file(s) that an interrupted request left behind", swept)
        if self._backends.has_lost_its_catalogue():
            _log.warning(
                "the catalogue is empty and there are originals: was it lost? "
                "`image-service restore` or `rebuild` brings it back"
            )

    @property
    def integrity(self) -> dict[str, Any] | None:
        """How the last verification of all images ended."""
        return self._integrity.last

    def signed_url(self, name: str) -> str:
        """Return an address of a blob past this service for a while, "" where it has none."""
        if not isinstance(self.store, S3Store):
            return ""
        signing = self._off_hub("storage", self.store)
        return signing.signed_url(name, self.settings.url_redirect_ttl_s)

    @property
    def cache_counts(self) -> CacheCounts:
        """How often variants were found in the cache and not, in all processes."""
        own, now_s = self._own_lookups, time.monotonic()
        if self.place.is_alone:
            return own
        counted_s, counts = self._counted
        if now_s - counted_s >= WRITE_INTERVAL_S:  # the others write no oftener
            told = self.numbers.of_all([families.lookups(own.hits, own.misses)])
            counts = CacheCounts(*families.lookups_in(told))
            self._counted = now_s, counts
        return counts

    def own_numbers(self) -> Iterator[Metric]:
        """Return what this process tells of itself."""
        own = self._own_lookups
        return families.of_process(families.lookups(own.hits, own.misses), self.meters.all)

    def stop(self) -> None:
        """End the workers and let go of the store."""
        self.pace.stop()
        self.numbers.write(self.own_numbers())
        self._pool.stop()
        self._render_pool.stop()
        self.tracing.stop()
        self._cache.close()
        self._backends.close()
        self._notices.tell()

    def worker_pids(self) -> list[int]:
        """Return the process ids of the workers that look at uploads."""
        return self._pool.pids()

    def render_worker_pids(self) -> list[int]:
        """Return the process ids of the workers that make variants."""
        return self._render_pool.pids()

    def _off_hub(self, name: str, blocking: T) -> T:
        """Args: name: what a trace calls it."""
        if not self._is_green:
            return blocking
        return self.tracing.traced(name, cast(T, OffHub(blocking, self._after_trip)))

    def _after_trip(self) -> None:
        """Say on the hub what native threads cannot."""
        self._notices.tell()
        announcer = self._backends.announcer
        if announcer.has_news:
            announcer.has_news = False
            self.on_news()

    @property
    def pictures_waiting(self) -> int:
        """How many pictures there is no free image worker for."""
        return self._pool.waiting + max(0, self.renders.count - self._render_pool.size)

    def _follow(self) -> None:
        """Have the meters look at what changes by itself."""
        meters, settings = self.meters, self.settings
        meters.renders_queue.follow(lambda: self.renders.count)
        meters.renders_queue_limit.follow(lambda: self.renders.limit)
        meters.http_connections_limit.follow(lambda: settings.http_max_connections)
        meters.events_waiting.follow(lambda: self.events.backlog.count)
        meters.events_oldest.follow(lambda: self.events.oldest_age_s(self.clock.now_ms()))
        for name, pool in (("uploads", self._pool), ("renders", self._render_pool)):
            meters.workers.follow(functools.partial(getattr, pool, "living"), (name,))
            meters.workers_limit.follow(functools.partial(getattr, pool, "size"), (name,))
            meters.workers_waiting.follow(functools.partial(getattr, pool, "waiting"), (name,))
            limit = functools.partial(getattr, pool, "max_waiting")
            meters.workers_waiting_limit.follow(limit, (name,))

    def _create_signed_originals(self) -> SignedOriginals | None:
        if not self.settings.require_signed_originals:
            return None
        return SignedOriginals(
            self.signer,
            ttl_s=self.settings.signed_url_ttl_s,
            now_s=lambda: self.clock.now_ms() // 1000,
        )

    def _create_health(self, engine: ImageEngine, renderer: Renderer) -> Health:
        checks: dict[str, Callable[[], None]] = {
            "storage": self._off_hub("storage", self.store).check,
            "catalogue": self._off_hub("catalogue", self._backends.catalogue).check,
            "broker": self.broker.check,
            "workers": functools.partial(_check_all, engine.check, renderer.check),
        }
        return Health(checks, timeout_s=_HEALTH_TIMEOUT_S)

    def _create_scrub(self) -> Scrub:
        settings = self.settings
        return Scrub(
            Verifier(self.store, self._backends.catalogue),
            ScrubLog(settings.state_path),
            bytes_at_once=int(settings.scrub_bytes_per_s * settings.sweep_interval_s),
            report=self._notices.add,
        )

    def _create_outgoing(self) -> Outgoing | None:
        if not self.settings.events:
            return None
        outgoing = Outgoing(self._backends.catalogue.outbox, self._backends.turn("events"))
        return self._off_hub("outgoing", outgoing)

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

    def _create_cache(self) -> LocalVariants | SharedVariants:
        settings, backends = self.settings, self._backends
        here = LocalVariants(
            settings.cache_path,
            max_bytes=settings.cache_bytes,
            max_wait_s=settings.render_timeout_s,
        )
        return share_variants(settings, here, backends.turns if backends.where.is_shared else None)


def _tell_of_the_move(settings: Settings) -> None:
    target, source = settings.places
    _log.info(
        "originals are in two places: `image-service migrate` moves them from %s to %s%s",
        source,
        target,
        "; url_redirect waits for that" if settings.url_redirect else "",
    )


def _numbers_of(place: Place) -> Numbers:
    if place.is_alone:
        return OwnNumbers()
    try:
        return SharedNumbers(Path(place.folder), place.name)
    except OSError as exc:
        _log.warning("the metrics that this process tells are its own alone: %s", exc.strerror)
        return OwnNumbers()


def _check_all(*checks: Callable[[], None]) -> None:
    for check in checks:
        check()


def _watermarks(settings: Settings) -> dict[str, bytes]:
    """Return the files of watermarks by name, that without one as ""."""
    return {name: path.read_bytes() for name, path in settings.watermark_files.items()}
