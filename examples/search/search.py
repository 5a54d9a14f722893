"""A Nameko service that finds pictures by the words of their names and tags.

It follows image_service by events: nameko run --config config.yaml search
"""

from __future__ import annotations

import sqlite3
from typing import Any

from nameko.events import event_handler
from nameko.extensions import DependencyProvider
from nameko.rpc import rpc

_TABLES = """
CREATE VIRTUAL TABLE IF NOT EXISTS pictures USING fts5(image_id UNINDEXED, url UNINDEXED, words);
CREATE TABLE IF NOT EXISTS seen (event_id TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
"""
_FORGET = "DELETE FROM seen WHERE at < strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-30 days')"


class Index:
    """Pictures and their words; each event changes it once, however often it comes."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path)
        self._connection.executescript(_TABLES)

    def apply(self, event: dict[str, Any]) -> None:
        """Do what an event says, and note that it was done, in one transaction."""
        with self._connection as database:
            known = "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING"
            if database.execute(known, (event["eventId"], event["occurredAt"])).rowcount:
                database.execute("DELETE FROM pictures WHERE image_id = ?", (event["imageId"],))
                if event["eventType"] != "image_deleted":
                    words = " ".join((event["filename"], *event["tags"]))
                    row = (event["imageId"], event["url"], words)
                    database.execute("INSERT INTO pictures VALUES (?, ?, ?)", row)

    def find(self, word: str) -> list[dict[str, str]]:
        """Return the pictures that have a word."""
        query = "SELECT image_id, url FROM pictures WHERE pictures MATCH ? ORDER BY image_id"
        phrase = '"{}"'.format(word.replace('"', '""'))
        rows = self._connection.execute(query, (phrase,))
        return [{"imageId": image_id, "url": url} for image_id, url in rows]

    def forget_old(self) -> None:
        """Forget which events came a month ago: they do not come again."""
        with self._connection as database:
            database.execute(_FORGET)

    def close(self) -> None:
        self._connection.close()


class IndexProvider(DependencyProvider):
    """Opens the index that the key `index` of the configuration names."""

    _index: Index

    def setup(self) -> None:
        self._index = Index(self.container.config["index"])
        self._index.forget_old()

    def stop(self) -> None:
        self._index.close()

    def get_dependency(self, worker_ctx: Any) -> Index:  # noqa: ARG002
        return self._index


class SearchService:
    """Finds pictures by words."""

    name = "search"

    index = IndexProvider()

    # One handler for all types, so one queue: with a handler for each, a deletion could overtake
    # the upload. The queue is durable, and keeps what comes while no search service runs.
    @event_handler("image_service", "*", reliable_delivery=True, requeue_on_error=True)
    def follow(self, event: dict[str, Any]) -> None:
        """Take over what happened to an image."""
        self.index.apply(event)

    @rpc
    def find(self, word: str) -> list[dict[str, str]]:
        """Answer the pictures that have a word in their name or tags."""
        return self.index.find(word)
