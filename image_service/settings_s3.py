"""The settings of originals on S3-compatible object storage."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator

from .domain.bucket_url import BucketUrl

MIB = 1024 * 1024


class S3Settings(BaseModel):
    """Keys of config.yaml that say where in object storage originals are, and how to get there."""

    s3_originals: str = ""
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
        if self.s3_variants and self.s3_variants in (self.s3_originals, self.s3_archive):
            raise ValueError(
                "s3_variants (environment: IMAGE_SERVICE_S3_VARIANTS) must be another bucket, or "
                "prefix, than s3_originals and s3_archive"
            )
        for key, is_set in (("s3_archive", self.s3_archive), ("url_redirect", self.url_redirect)):
            if is_set and not self.s3_originals:
                raise ValueError(f"{key} needs s3_originals {variable}")
        if not self.s3_originals:
            return
        if accel_prefix:
            raise ValueError(
                f"accel_prefix is for originals in upload_dir, not for s3_originals {variable}: "
                "url_redirect may be what is wanted"
            )
        if archive_dir:
            raise ValueError(f"archive_dir is not for s3_originals {variable}: set s3_archive")
        if self.s3_archive == self.s3_originals:
            raise ValueError("s3_archive must be another bucket, or prefix, than s3_originals")
