"""What differs between object storages: those that addresses begin with s3://, gs:// and az://."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...domain.bucket_url import AZURE, GOOGLE, S3, BucketUrl
from .access import Access


class S3Provider:
    """S3 and all that speak like it.

    Attributes:
        is_told_checksums: whether it refuses other bytes than those whose checksum was sent.
    """

    is_told_checksums = True

    def open(self, url: BucketUrl, access: Access) -> Any:
        """Return the library's store. Raises: StorageUnavailable, what the library raises."""
        from obstore.store import S3Store as Store

        return Store(url.bucket, prefix=url.prefix or None, **access.s3_options(url.bucket))

    def written(self, notes: Mapping[str, str]) -> dict[str, str]:
        """Return notes as they can be an object's metadata."""
        return dict(notes)

    def read(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """Return the notes in an object's metadata."""
        return {str(name): value for name, value in metadata.items()}


class GoogleProvider(S3Provider):
    """Google Cloud Storage by its own interface."""

    is_told_checksums = False

    def open(self, url: BucketUrl, access: Access) -> Any:
        """See S3Provider."""
        from obstore.store import GCSStore as Store

        return Store(url.bucket, prefix=url.prefix or None, **access.common_options())


class AzureProvider(S3Provider):
    """Azure Blob Storage. Names of metadata are those of variables: no hyphen is in them."""

    is_told_checksums = False
    _AS_THEY_ARE = ("Content-Type",)

    def open(self, url: BucketUrl, access: Access) -> Any:
        """See S3Provider."""
        from obstore.store import AzureStore as Store

        return Store(url.bucket, prefix=url.prefix or None, **access.azure_options())

    def written(self, notes: Mapping[str, str]) -> dict[str, str]:
        """See S3Provider."""
        return {self._name(name, "-", "_"): value for name, value in notes.items()}

    def read(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """See S3Provider."""
        return {self._name(str(name), "_", "-"): value for name, value in metadata.items()}

    def _name(self, name: str, old: str, new: str) -> str:
        return name if name in self._AS_THEY_ARE else name.replace(old, new)


_BY_SCHEME: Mapping[str, S3Provider] = {
    S3: S3Provider(),
    GOOGLE: GoogleProvider(),
    AZURE: AzureProvider(),
}


def provider_of(url: BucketUrl) -> S3Provider:
    """Return the provider that an address means."""
    return _BY_SCHEME[url.scheme]
