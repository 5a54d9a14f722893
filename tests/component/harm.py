"""What goes wrong behind a running service's back, whatever engines it has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2

from tests.component.harness import Service


@contextlib.contextmanager
def catalogue_away(service: Service) -> Iterator[None]:
    """Have nobody get at the catalogue meanwhile."""
    url = service.config.get("catalogue_url")
    with _database_away(url) if url else _file_away(service):
        yield


@contextlib.contextmanager
def _file_away(service: Service) -> Iterator[None]:
    catalogue = service.upload_dir / ".state" / "catalogue.sqlite3"
    catalogue.rename(catalogue.with_suffix(".away"))
    catalogue.mkdir()
    yield
    catalogue.rmdir()
    catalogue.with_suffix(".away").rename(catalogue)


@contextlib.contextmanager
def _database_away(url: str) -> Iterator[None]:
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    connection = psycopg2.connect(parts._replace(path="/postgres").geturl())
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        yield
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
