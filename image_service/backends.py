"""Which engines the settings choose: where originals and the catalogue of a store are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from .catalogue.journal import SqlJournal
from .catalogue.listings import SqlListings
from .catalogue.outbox import Announcer
from .catalogue.replica import Replica
from .catalogue.turns import SqlTurn
from .clock import now_ms
from .databases import CATALOGUE_FILE, CatalogueDatabase, Told
from .domain.events import Turn
from .domain.image import image_id_of
from .domain.ports import Journal, Listings
from .settings import Settings
from .settings_s3 import LOCAL
from .storage import BothTurns, FileTurn, HostLock, LeaseBook, LocalStore
from .storage.joint_journal import JointJournal
from .storage.journal import LocalJournal
from .storage.move import Move, note_of
from .storage.pair import PairStore
from .storage.s3 import S3Store, create_s3_store

Store = LocalStore | S3Store | PairStore
"""Where originals are."""

_NAMES_LOOKED_AT = 1000
_TURN_TTL_S = 30.0


def has_catalogue(settings: Settings) -> bool:
    """Tell, without opening anything, whether there may be a store where settings say."""
    folder = settings.state_path
    # Of one in PostgreSQL there is a folder on this machine, once it has been used from here.
    return folder.is_dir() if settings.catalogue_url else (folder / CATALOGUE_FILE).is_file()


class Backends:
    """The store and the catalogue of one process, under its lease."""

    def __init__(
        self,
        settings: Settings,
        *,
        min_free_bytes: int = 0,
        committed: Told = lambda _: None,
        finds_images: bool = False,
    ) -> None:
        """Args:
        min_free_bytes: room on the disk that uploads must leave.
        committed: see Transactions.
        finds_images: whether images are added or dropped whose blobs it has not noted: by a
            rebuild, a repair.
        Raises: OSError where no lease can be taken; StorageUnavailable.
        """
        self._settings = settings
        folder = settings.state_path
        self._host_lock = HostLock(folder / "host.lock")
        self._leases = LeaseBook(folder / "leases")
        self._lease = self._leases.acquire(note_of(settings.places))
        self._move = Move(folder, settings.places, self._leases)
        self.announcer = Announcer(now_ms if settings.events else None)
        self.where = CatalogueDatabase(settings, self._leases, self._lease, committed)
        self._database = self.where.database
        journal = self._shared_journal()
        self.store = self._create_store(min_free_bytes, journal)
        self.catalogue = self._database.catalogue(
            None if finds_images else journal, events=self.announcer
        )
        self.turns = self._database.turns
        self._replica: Replica | None = None

    def listings(
        self, *, report: Callable[[str], object], told: Callable[[bool], object]
    ) -> Listings:
        """Return what lists images: a standby where there is one. Args: see Replica."""
        self._replica = self.where.replica(report=report, told=told)
        return SqlListings(self._replica.read) if self._replica else self.catalogue

    def claim(self) -> None:
        """Keep other machines out, and processes that do not know where all originals are.

        Raises: StorageUnavailable; OSError.
        """
        self._host_lock.acquire()
        self._move.check()

    def prepare(self) -> None:
        """Make what is missing. Raises: StorageFull, StorageUnavailable."""
        self.store.prepare()
        self.catalogue.prepare()

    def look_at_standby(self) -> None:
        """Connect to the standby that listings are read from, if there is one, or report why not.

        The first connection takes eventlet's locks: call it where nobody else does.
        """
        if self._replica:
            self._replica.look()

    def has_lost_its_catalogue(self) -> bool:
        """Tell whether there are originals that nobody knows of, and no others."""
        return not self.catalogue.used().files and any(
            map(image_id_of, itertools.islice(self.store.names(), _NAMES_LOOKED_AT))
        )

    def turn(self, name: str) -> Turn:
        """Return the turn of this name, which one process on this catalogue has at a time."""
        by_row = SqlTurn(self.turns, name, ttl_s=_TURN_TTL_S)
        if self.where.is_shared:
            return by_row
        by_file = FileTurn(self._settings.state_path / f"{name}.turn")
        # While it moves some look at files and some at rows.
        return BothTurns(by_file, by_row) if self.where.is_moving else by_file

    def has_catalogue(self) -> bool:
        """Tell whether there is a catalogue, prepared by anybody. Raises: StorageUnavailable."""
        return self.where.is_there()

    def copy_catalogue(self, target: Path) -> None:
        """See CatalogueDatabase.copy."""
        self.where.copy(target)

    def close(self) -> None:
        """Let go of all of it."""
        self.turns.give_up()
        if self._replica:
            self._replica.close()
        self.catalogue.close()
        # What a native thread may still be writing is left over once this process has ended, not
        # before: the lease ends with it.
        if self.store.is_at_rest:
            self._lease.release()
            self._host_lock.release()

    def _shared_journal(self) -> SqlJournal | None:
        """Return the journal of a bucket and a database that several machines may be using."""
        if not (self.where.is_shared and self._settings.buckets):
            return None
        return self._database.journal(grace_s=self._settings.s3_timeout_s)

    def _create_store(self, min_free_bytes: int, journal: SqlJournal | None) -> Store:
        settings = self._settings

        def place(name: str, noted_in: Journal) -> LocalStore | S3Store:
            if name != LOCAL:
                return create_s3_store(settings, noted_in, name)
            return LocalStore(
                settings.upload_path,
                self._leases,
                self._lease,
                min_free_bytes=min_free_bytes,
                archive=settings.archive_path,
            )

        noted_in = journal or self._local_journal()
        if not settings.originals_also:
            return place(settings.places[0], noted_in)
        joint = JointJournal(noted_in)
        main, second = (place(name, joint.share()) for name in settings.places)
        return PairStore(main, second, self._move, joint, notes_all=journal is not None)

    def _local_journal(self) -> LocalJournal:
        settings = self._settings
        return LocalJournal(
            settings.state_path / "journal",
            self._leases,
            self._lease,
            grace_s=settings.s3_timeout_s,
        )
