"""Originals on S3-compatible object storage; needs the extra `s3`."""

from .access import Access
from .bucket import Bucket
from .create import check_buckets, create_s3_store, open_bucket, share_variants
from .store import S3Store
from .variants import SharedVariants

__all__ = [
    "Access",
    "Bucket",
    "S3Store",
    "SharedVariants",
    "check_buckets",
    "create_s3_store",
    "open_bucket",
    "share_variants",
]
