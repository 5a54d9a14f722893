"""What a store lacks, brought back from a backup."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from .backup_format import BackupFailed, Backups, walk
from .domain.image import Blob
from .domain.label import Label
from .domain.ports import BlobStore, Catalogue
from .errors import StorageFull, StorageUnavailable

_CHUNK_BYTES = 1024 * 1024


@dataclass
class Restored:
    """What a restore did. images: that were added; files: that were put back where one was gone."""

    images: int = 0
    files: int = 0
    bytes: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)


def restore(
    backups: Backups,
    copy: Catalogue,
    store: BlobStore,
    catalogue: Catalogue,
    done: Restored,
    *,
    only: Collection[str] | None = None,
) -> Iterator[Blob]:
    """Bring back what a store lacks; yield every image that was looked at.

    Images that are there stay as they are; where only the file is missing or in quarantine it is
    put back. What the store has beyond the backup stays, too.

    Args:
        copy: the backup's catalogue.
        only: the ids of the images that are wanted; of these, what opens and cannot be read to its
            end is put back, too.
    Raises: StorageUnavailable, StorageFull where all are wanted.
    """
    for listed in walk(copy):
        if only is None or listed.id in only:
            try:
                _restore_one(backups, copy, listed, store, catalogue, done, reads=only is not None)
            except BackupFailed as exc:
                done.wrong.append((listed.blob_name, exc.why))
            except (StorageUnavailable, StorageFull) as exc:
                if only is None:
                    raise
                # Of those that are wanted some may be on what is away, and others not.
                done.wrong.append((listed.blob_name, str(exc)))
            yield listed


def _restore_one(
    backups: Backups,
    copy: Catalogue,
    listed: Blob,
    store: BlobStore,
    catalogue: Catalogue,
    done: Restored,
    *,
    reads: bool,
) -> None:
    name = listed.blob_name
    is_known = bool(catalogue.known([listed.id]))
    if is_known and _is_there(store, name, reads=reads):
        return
    image = copy.get(listed.id, trashed=listed.is_trashed)
    assert image
    data = backups.read(image)
    label = Label(image.filename, image.tags, image.attributes, image.owner)
    store.put(name, data, label.to_bytes(), is_known=is_known)
    if not is_known:
        catalogue.put_back(image)
        done.images += 1
    elif not catalogue.known([image.id]):  # deleted for good meanwhile
        store.remove(name)
        return
    done.files += is_known
    done.bytes += len(data)
    store.settle(name)
    store.lift_quarantine(name)
    if catalogue.trashed([image.id]):  # here, whatever it was when the backup was made
        store.shelve(name)


def _is_there(store: BlobStore, name: str, *, reads: bool) -> bool:
    try:
        with store.open(name) as file:
            while reads and file.read(_CHUNK_BYTES):
                pass
        return True
    # Gone, or in an archive that is; or its disk cannot read it.
    except (OSError, StorageUnavailable):
        return False
