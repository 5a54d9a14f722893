"""Settings become a store on object storage."""

from __future__ import annotations

from ...domain.bucket_url import BucketUrl
from ...domain.ports import Journal
from ...settings import Settings
from ..marks import Marks
from .access import Access
from .archive import BucketArchive
from .bucket import Bucket
from .readers import Readers
from .store import S3Store


def create_s3_store(settings: Settings, journal: Journal) -> S3Store:
    """Return the store of a process. Raises: StorageUnavailable where it cannot even be asked."""
    bucket, access = open_bucket(settings), Access.of(settings)
    archive = Bucket(BucketUrl.parse(settings.s3_archive), access) if settings.s3_archive else None
    return S3Store(
        bucket,
        journal,
        Marks(settings.state_path / "s3"),
        Readers(settings.state_path / "s3" / "reading"),
        archive=BucketArchive(bucket, archive, settings.s3_archive_class),
        grace_s=settings.s3_timeout_s,
    )


def open_bucket(settings: Settings) -> Bucket:
    """Return the bucket of the originals; nothing is asked of it yet."""
    return Bucket(BucketUrl.parse(settings.s3_originals), Access.of(settings))


def check_buckets(settings: Settings) -> None:
    """See whether the buckets are there, and can be listed, written, read and cleared.

    Raises: StorageFull, StorageUnavailable.
    """
    access = Access.of(settings)
    for url in filter(None, (settings.s3_originals, settings.s3_archive)):
        bucket = Bucket(BucketUrl.parse(url), access)
        bucket.check_listing()
        bucket.check()
