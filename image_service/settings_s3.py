"""The settings of originals on object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from .domain.bucket_url import S3, BucketUrl

MIB = 1024 * 1024
LOCAL = "local"
"""What a place of originals is called that is upload_dir; others are buckets' addresses."""


class S3Settings(BaseModel):
    """Keys of config.yaml that say where in object storage originals are, and how to get there."""

    s3_originals: str = ""
    originals_also: str = ""
    s3_archive: str = ""
    s3_variants: str = ""
    s3_archive_class: str = Field("", pattern=r"[A-Z_]{0,40}")
    s3_endpoint_url: str = ""
    s3_region: str = Field("", pattern=r"[a-zA-Z0-9-]{0,60}")
    s3_addressing: Literal["path", "virtual"] = "path"
    s3_access_key_id: SecretStr = SecretStr("")
    s3_secret_access_key: SecretStr = SecretStr("")
    s3_ca_path: Path | None = None
    s3_verify_tls: bool = True
    s3_timeout_s: float = Field(20.0, ge=1, le=3600, allow_inf_nan=False)
    s3_multipart_bytes: int = Field(64 * MIB, ge=5 * MIB, le=2**32)
    url_redirect: bool = False
    url_redirect_ttl_s: float = Field(300.0, ge=1, le=604_800, allow_inf_nan=False)

    @field_validator("s3_originals", "s3_archive", "s3_variants")
    @classmethod
    def _is_a_bucket(cls, value: str) -> str:
        return str(BucketUrl.parse(value)) if value.strip() else ""

    @field_validator("originals_also")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        text = value.strip()
        try:
            return text if text in ("", LOCAL) else str(BucketUrl.parse(text))
        except ValueError as exc:
            raise ValueError(f"{exc}; or be {LOCAL}, for upload_dir") from None

    @property
    def places(self) -> tuple[str, ...]:
        """Where originals are, the main place first: LOCAL or a bucket's address."""
        main = self.s3_originals or LOCAL
        return (main, self.originals_also) if self.originals_also else (main,)

    @property
    def buckets(self) -> tuple[str, ...]:
        """Those of the places that are buckets."""
        return tuple(place for place in self.places if place != LOCAL)

    @property
    def has_files(self) -> bool:
        """Whether originals are in upload_dir, or some of them."""
        return LOCAL in self.places

    @field_validator("s3_ca_path", mode="before")
    @classmethod
    def _no_empty_ca_path(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("s3_endpoint_url")
    @classmethod
    def _endpoint_is_an_address(cls, value: str) -> str:
        url = urlsplit(value)
        is_plain = url.path in ("", "/") and not url.query and "@" not in url.netloc
        if value and (url.scheme not in ("http", "https") or not url.netloc or not is_plain):
            raise ValueError(
                "must look like https://s3.example.com; keys go into s3_access_key_id and "
                "s3_secret_access_key"
            )
        return value.rstrip("/")

    def check_s3(self, *, accel_prefix: str, archive_dir: Path | None) -> None:
        """See whether the keys fit together. Raises: ValueError."""
        variable = "(environment: IMAGE_SERVICE_S3_ORIGINALS)"
        if bool(self.s3_access_key_id.get_secret_value()) != bool(
            self.s3_secret_access_key.get_secret_value()
        ):
            raise ValueError("s3_access_key_id and s3_secret_access_key go together: set both")
        if self.s3_variants and self.s3_variants in (*self.buckets, self.s3_archive):
            raise ValueError(
                "s3_variants (environment: IMAGE_SERVICE_S3_VARIANTS) must be another bucket, or "
                "prefix, than those of originals and s3_archive"
            )
        if self.originals_also:
            self._check_also(accel_prefix)
        for key, is_set, is_wrong in (
            ("s3_archive", self.s3_archive, not self.buckets),
            ("url_redirect", self.url_redirect, not self.s3_originals),
        ):
            if is_set and is_wrong:
                raise ValueError(f"{key} needs s3_originals {variable}")
        if accel_prefix and self.s3_originals:
            raise ValueError(
                f"accel_prefix is for originals in upload_dir, not for s3_originals {variable}: "
                "url_redirect may be what is wanted"
            )
        if archive_dir and not self.has_files:
            raise ValueError(f"archive_dir is not for s3_originals {variable}: set s3_archive")
        if self.s3_archive:
            self._check_archive()

    def _check_archive(self) -> None:
        """See whether originals can be put away there. Raises: ValueError."""
        if self.s3_archive in self.buckets:
            raise ValueError("s3_archive must be another bucket, or prefix, than s3_originals")
        if self.s3_archive_class and BucketUrl.parse(self.s3_archive).scheme != S3:
            raise ValueError("s3_archive_class is for an s3_archive that begins with s3://")

    def _check_also(self, accel_prefix: str) -> None:
        """See whether originals can be moved. Raises: ValueError."""
        also = "originals_also (environment: IMAGE_SERVICE_ORIGINALS_ALSO)"
        if self.places[0] == self.originals_also:
            raise ValueError(
                f"{also} is {self.originals_also}, where originals are anyway: it is for the place "
                "that they are moved from"
            )
        if self.s3_archive and not self.has_files:
            raise ValueError(
                f"{also}: from bucket to bucket nothing can be in s3_archive: bring it back first, "
                "by `image-service unarchive --all`, and take s3_archive out"
            )
        if accel_prefix:
            raise ValueError(
                f"{also}: while originals are in two places accel_prefix cannot be used, for the "
                "web server in front knows one of them: take it out until then"
            )
