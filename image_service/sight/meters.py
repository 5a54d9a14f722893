"""Everything that one process counts about its work."""

from __future__ import annotations

import functools

from .tallies import Counter, Gauge, Histogram, Tally

HTTP_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER = "other"
"""What callers make up is counted under this label: unknown methods and addresses."""

_LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DELAYS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3600.0)


class Meters:
    """The counters of a process. Any thread may count; all are read on the hub."""

    def __init__(self) -> None:
        self.rpc_requests = Counter(
            "rpc_requests", "RPC calls that ended, by what was answered.", ("method", "code")
        )
        self.rpc_seconds = Histogram(
            "rpc_duration_seconds", "From a call's arrival to its answer.", ("method",)
        )
        self.rpc_received = Counter(
            "rpc_received_bytes", "Bytes of the messages of calls, pictures included.", ("method",)
        )
        self.rpc_sent = Counter(
            "rpc_sent_bytes", "Bytes of the answers to calls, pictures included.", ("method",)
        )
        self.rpc_in_progress = Gauge(
            "rpc_in_progress", "Calls taken and not yet answered; transfers carry pictures.",
            ("lane",),
        )  # fmt: skip
        self.rpc_in_progress_limit = Gauge(
            "rpc_in_progress_limit", "Calls that are taken at once; others wait in the broker.",
            ("lane",),
        )  # fmt: skip
        self.http_requests = Counter(
            "http_requests", "HTTP requests that ended, by status.", ("method", "route", "code")
        )
        self.http_seconds = Histogram(
            "http_duration_seconds", "From a request to the last byte of its answer.", ("route",)
        )
        self.http_received = Counter(
            "http_received_bytes", "Bytes of request bodies, as announced.", ("route",)
        )
        self.http_sent = Counter("http_sent_bytes", "Bytes of the bodies of answers.", ("route",))
        self.http_cut = Counter(
            "http_cut_answers", "Answers whose end was not sent: the client left, or damage.",
            ("route",),
        )  # fmt: skip
        self.http_in_progress = Gauge("http_in_progress", "HTTP requests being answered.")
        self.http_connections = Gauge("http_connections", "Open HTTP connections.")
        self.http_connections_limit = Gauge(
            "http_connections_limit", "The setting http_max_connections."
        )
        self.worker_jobs = Counter(
            "worker_jobs", "Jobs of worker processes by how they ended.", ("pool", "job", "outcome")
        )
        self.worker_seconds = Histogram(
            "worker_job_duration_seconds", "How long jobs were at a worker.", ("pool", "job")
        )
        self.worker_restarts = Counter(
            "worker_restarts", "Workers that were replaced.", ("pool", "reason")
        )
        self.workers = Gauge("workers", "Worker processes that live.", ("pool",))
        self.workers_limit = Gauge("workers_limit", "Worker processes there should be.", ("pool",))
        self.workers_waiting = Gauge("workers_waiting", "Jobs that wait for a worker.", ("pool",))
        self.workers_waiting_limit = Gauge(
            "workers_waiting_limit", "Jobs that may wait for one; others are answered busy.",
            ("pool",),
        )  # fmt: skip
        self.renders = Counter(
            "renders", "Variants that were rendered, from the original or its mezzanine.",
            ("format", "source", "outcome"),
        )  # fmt: skip
        self.render_seconds = Histogram(
            "render_duration_seconds", "How long rendering took, its worker's queue included.",
            ("format", "source"),
        )  # fmt: skip
        self.renders_queue = Gauge(
            "renders_queue", "Variants being made or waiting to be, each once however many ask."
        )
        self.renders_queue_limit = Gauge(
            "renders_queue_limit", "Beyond so many, requests are answered 503."
        )
        self.broker_up = Gauge("broker_up", "Whether a lane takes messages, 1 or 0.", ("lane",))
        self.broker_connects = Counter(
            "broker_connects", "Connections to the broker that were made.", ("lane",)
        )
        self.broker_failures = Counter(
            "broker_failures", "Connections to the broker that were lost or refused.", ("lane",)
        )
        self.commits = Counter("catalogue_commits", "Transactions that wrote to the catalogue.")
        self.commit_seconds = Histogram(
            "catalogue_commit_duration_seconds", "How long they took, from beginning to disk."
        )
        self.listings = Counter(
            "catalogue_listings",
            "Listings, where catalogue_replica_url is set, by the server they were read from.",
            ("server",),
        )
        self.events_published = Counter(
            "events_published", "Events that the broker has.", ("type",)
        )
        self.event_seconds = Histogram(
            "event_delay_seconds",
            "From a change to the broker's word that it has the event.",
            ends=_DELAYS_S,
        )
        self.event_failures = Counter(
            "event_failures", "Attempts to publish events that failed; they are made again."
        )
        self.events_waiting = Gauge(
            "events_waiting", "Events that wait for the broker, of all processes on a catalogue."
        )
        self.events_oldest = Gauge(
            "events_oldest_seconds", "For how long the oldest of them has waited."
        )
        self.loop_lag = Histogram(
            "event_loop_lag_seconds",
            "How late a green thread ran that asked to be woken, four times a second.",
            ends=_LAG_S,
        )

    @functools.cached_property
    def all(self) -> list[Tally]:
        """All of them."""
        kinds = (Counter, Gauge, Histogram)
        return [each for each in vars(self).values() if isinstance(each, kinds)]

    def rpc_ended(
        self, method: str, code: str, seconds: float, received_bytes: int, sent_bytes: int
    ) -> None:
        """Count a call. Args: method: one that exists, or OTHER; code: "ok" or an error's."""
        of_method = (method,)
        self.rpc_requests.add((method, code))
        self.rpc_seconds.add(seconds, of_method)
        self.rpc_received.add(of_method, received_bytes)
        self.rpc_sent.add(of_method, sent_bytes)

    def http_ended(
        self, method: str, route: str, status: int, seconds: float, sizes: tuple[int, int]
    ) -> None:
        """Count a request. Args: route: a pattern, or OTHER; sizes: bytes received and sent."""
        of_route = (route,)
        known = method if method in HTTP_METHODS else OTHER
        self.http_requests.add((known, route, str(status)))
        self.http_seconds.add(seconds, of_route)
        received_bytes, sent_bytes = sizes
        if received_bytes:
            self.http_received.add(of_route, received_bytes)
        self.http_sent.add(of_route, sent_bytes)

    def listed(self, from_standby: bool) -> None:
        """Count a listing where there is a standby to read it from."""
        self.listings.add(("standby" if from_standby else "primary",))

    def committed(self, seconds: float) -> None:
        """Count a transaction of the catalogue."""
        self.commits.add()
        self.commit_seconds.add(seconds)
