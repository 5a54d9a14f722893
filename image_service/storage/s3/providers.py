"""What differs between object storages: those that addresses begin with s3://, gs:// and az://."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...domain.bucket_url import AZURE, GOOGLE, S3, BucketUrl
from .access import Access


class Provider:
    """One of them.

    Attributes:
        store: what the library calls its store.
        is_told_checksums: whether it refuses other bytes than those whose checksum was sent.
    """

    store: str
    is_told_checksums = False

    def open(self, url: BucketUrl, access: Access) -> Any:
        """Return the library's store. Raises: StorageUnavailable, what the library raises."""
        import obstore.store

        store = getattr(obstore.store, self.store)
        return store(url.bucket, prefix=url.prefix or None, **self.options(url, access))

    def options(self, url: BucketUrl, access: Access) -> dict[str, Any]:  # noqa: ARG002
        """Return what the store takes. Raises: StorageUnavailable."""
        return access.common_options()

    def written(self, notes: Mapping[str, str]) -> dict[str, str]:
        """Return notes as they can be an object's metadata."""
        return dict(notes)

    def read(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """Return the notes in an object's metadata."""
        return {str(name): value for name, value in metadata.items()}


class S3Provider(Provider):
    """S3 and all that speak like it."""

    store = "S3Store"
    is_told_checksums = True

    def options(self, url: BucketUrl, access: Access) -> dict[str, Any]:
        """See Provider."""
        return access.s3_options(url.bucket)


class GoogleProvider(Provider):
    """Google Cloud Storage by its own interface."""

    store = "GCSStore"


class AzureProvider(Provider):
    """Azure Blob Storage. Names of metadata are those of variables: no hyphen is in them."""

    store = "AzureStore"
    _AS_THEY_ARE = ("Content-Type",)

    def options(self, url: BucketUrl, access: Access) -> dict[str, Any]:  # noqa: ARG002
        """See Provider."""
        return access.azure_options()

    def written(self, notes: Mapping[str, str]) -> dict[str, str]:
        """See Provider."""
        return {self._name(name, "-", "_"): value for name, value in notes.items()}

    def read(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """See Provider."""
        return {self._name(str(name), "_", "-"): value for name, value in metadata.items()}

    def _name(self, name: str, old: str, new: str) -> str:
        return name if name in self._AS_THEY_ARE else name.replace(old, new)


_BY_SCHEME: Mapping[str, Provider] = {
    S3: S3Provider(),
    GOOGLE: GoogleProvider(),
    AZURE: AzureProvider(),
}


def provider_of(url: BucketUrl) -> Provider:
    """Return the provider that an address means."""
    return _BY_SCHEME[url.scheme]
