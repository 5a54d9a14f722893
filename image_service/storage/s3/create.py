"""Settings become a store on object storage."""

from __future__ import annotations

from dataclasses import replace

from ...domain.bucket_url import BucketUrl
from ...domain.once import Turns
from ...domain.ports import Journal
from ...settings import Settings
from ..marks import Marks
from ..variants import LocalVariants
from .access import Access
from .archive import BucketArchive
from .bucket import Bucket
from .readers import Readers
from .store import S3Store
from .variants import LONGEST_WAIT_S, SharedVariants


def create_s3_store(settings: Settings, journal: Journal, place: str = "") -> S3Store:
    """Return the store of a process.

    Args: place: which of the buckets that originals are in, s3_originals for "".
    Raises: StorageUnavailable where it cannot even be asked.
    """
    access = Access.of(settings)
    bucket = Bucket(BucketUrl.parse(place), access) if place else open_bucket(settings)
    archive = Bucket(BucketUrl.parse(settings.s3_archive), access) if settings.s3_archive else None
    return S3Store(
        bucket,
        journal,
        Marks(settings.state_path / "s3"),
        Readers(settings.state_path / "s3" / "reading"),
        archive=BucketArchive(bucket, archive, settings.s3_archive_class),
        grace_s=settings.s3_timeout_s,
    )


def share_variants(
    settings: Settings, near: LocalVariants, turns: Turns | None
) -> LocalVariants | SharedVariants:
    """Return variants that are in a bucket, too, where the settings name one.

    Args: turns: of all machines that may use it, None for one machine.
    """
    if not settings.s3_variants:
        return near
    access = replace(Access.of(settings), timeout_s=min(LONGEST_WAIT_S, settings.s3_timeout_s))
    bucket = Bucket(BucketUrl.parse(settings.s3_variants), access)
    return SharedVariants(near, bucket, turns, max_wait_s=settings.render_timeout_s)


def open_bucket(settings: Settings) -> Bucket:
    """Return the bucket of the originals; nothing is asked of it yet."""
    return Bucket(BucketUrl.parse(settings.s3_originals), Access.of(settings))


def check_buckets(settings: Settings) -> None:
    """See whether the buckets are there, and can be listed, written, read and cleared.

    Raises: StorageFull, StorageUnavailable.
    """
    for url in (*settings.buckets, *filter(None, [settings.s3_archive, settings.s3_variants])):
        bucket = Bucket(BucketUrl.parse(url), Access.of(settings))
        bucket.check_listing()
        bucket.check()
    if settings.url_redirect:
        open_bucket(settings).signed_url("x", settings.url_redirect_ttl_s)
