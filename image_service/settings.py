"""The settings of the service: every key of config.yaml that is ours, validated."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from .domain.formats import Format
from .domain.quota import Quota, Quotas
from .domain.signing import read_keys
from .domain.strip import Strip
from .domain.transform_options import parse_options
from .errors import InvalidArgument
from .settings_access import AccessSettings
from .settings_broker import BrokerSettings
from .settings_catalogue import CatalogueSettings
from .settings_s3 import S3Settings

MIB = 1024 * 1024
MAX_WATERMARK_BYTES = 512 * 1024
_ACCEL_PREFIX = re.compile(r"(/[A-Za-z0-9_-]+)+")

Bytes = Annotated[int, Field(ge=1, le=2**40)]
Quality = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[float, Field(gt=0, le=86400 * 3650, allow_inf_nan=False)]


STRICT: Mapping[str, int | float] = {
    "max_pixels": 16_000_000,
    "max_side_px": 8_192,
    "max_frames": 100,
    "max_frames_pixels": 50_000_000,
    "max_jpeg_scans": 32,
    "max_jpeg_scans_pixels": 100_000_000,
    "max_icc_bytes": MIB,
    "max_text_bytes": 64 * 1024,
    "worker_memory_bytes": 512 * MIB,
    "worker_cpu_s": 0.75,
    "worker_timeout_s": 5.0,
}
"""The defaults under `limits: strict`: any picture within a second and 300 MB of a worker."""


class Settings(AccessSettings, BrokerSettings, CatalogueSettings, S3Settings, BaseModel):
    """Every key of config.yaml that is ours. Sizes are bytes, times seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    host: str = "localhost"
    port: int = Field(3001, ge=0, le=65535)
    public_url: str = ""
    upload_dir: Path = Path("uploads")
    state_dir: Path | None = None
    cache_dir: Path | None = None
    archive_dir: Path | None = None
    cache_bytes: int = Field(1024 * MIB, ge=0, le=2**50)
    cache_memory_bytes: int = Field(32 * MIB, ge=0, le=2**40)
    base_dir: Path = Path()
    """The folder config.yaml stands in; relative paths begin there. Not a key of the file."""

    limits: Literal["standard", "strict"] = "standard"
    """Which defaults the limits of pictures and workers have that are not given."""

    quota_bytes: int = Field(0, ge=0, le=2**60)
    quota_files: int = Field(0, ge=0, le=2**60)
    owner_key: str = Field("", pattern=r"[A-Za-z0-9_.-]{0,100}")
    owner_quota_bytes: int = Field(0, ge=0, le=2**60)
    owner_quota_files: int = Field(0, ge=0, le=2**60)
    min_free_bytes: int = Field(64 * MIB, ge=0, le=2**60)

    trash_retention_days: float = Field(0, ge=0, le=36_500, allow_inf_nan=False)
    retention_days: dict[str, Annotated[float, Field(gt=0, le=36_500)]] = {}

    max_upload_bytes: Bytes = 10 * MIB
    max_message_bytes: Bytes = 16 * MIB
    max_call_bytes: Bytes = MIB
    max_pixels: int = Field(50_000_000, ge=1, le=1_000_000_000)
    max_side_px: int = Field(16_384, ge=1, le=65_535)
    max_frames: int = Field(500, ge=1, le=100_000)
    max_frames_pixels: int = Field(250_000_000, ge=1, le=100_000_000_000)
    max_jpeg_scans: int = Field(64, ge=1, le=10_000)
    max_jpeg_scans_pixels: int = Field(500_000_000, ge=1, le=100_000_000_000)
    max_icc_bytes: Bytes = 4 * MIB
    max_text_bytes: Bytes = 256 * 1024
    strip_metadata: Strip = Strip.NONE

    image_workers: int = Field(0, ge=0, le=256)
    worker_memory_bytes: int = Field(1024 * MIB, ge=128 * MIB, le=2**40)
    worker_cpu_s: Seconds = 3.5
    worker_timeout_s: Seconds = 10.0
    worker_queue: int = Field(64, ge=0, le=10_000)
    worker_jobs_before_restart: int = Field(2_000, ge=1)
    upload_concurrency: int = Field(8, ge=1, le=256)

    signing_keys: SecretStr = SecretStr("")
    unsigned_variants: Literal["auto", "allow", "refuse"] = "auto"
    presets: dict[str, str] = {}
    eager_presets: list[str] = []
    quality_jpeg: Quality = 80
    quality_webp: Quality = 75
    quality_avif: Quality = 65
    watermark_path: Path | None = None
    watermarks: dict[str, Path] = {}
    shrink_on_load: bool = True
    mezzanines: Literal["upload", "variant", "never"] = "upload"
    render_workers: int = Field(0, ge=0, le=256)
    render_queue: int = Field(64, ge=0, le=10_000)
    render_memory_bytes: int = Field(2048 * MIB, ge=128 * MIB, le=2**40)
    render_cpu_s: Seconds = 15.0
    render_timeout_s: Seconds = 30.0

    cache_control: str = "public, max-age=31536000, immutable"
    accel_prefix: str = ""
    http_max_connections: int = Field(512, ge=1, le=100_000)
    http_idle_timeout_s: Seconds = 30.0
    http_share_port: bool = False
    shutdown_timeout_s: Seconds = 20.0

    sweep_interval_s: Seconds = 60.0
    scrub_bytes_per_s: int = Field(1024 * 1024, ge=0, le=2**40)
    idempotency_window_s: Seconds = 86_400.0

    service_processes: int = Field(1, ge=1, le=64)
    max_workers: int = Field(32, ge=2, le=10_000)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    access_log: Literal["all", "calls", "failures"] = "calls"

    @model_validator(mode="before")
    @classmethod
    def _take_the_profiles_defaults(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**STRICT, **values} if values.get("limits") == "strict" else values

    @field_validator("host")
    @classmethod
    def _host_is_a_host(cls, value: str) -> str:
        if not value.strip() or any(c in value for c in "/@ \t\n"):
            raise ValueError("must be a host name or an address to listen on, as localhost")
        return value.strip()

    @field_validator(
        "upload_dir", "state_dir", "cache_dir", "archive_dir", "watermark_path", mode="before"
    )
    @classmethod
    def _no_empty_path(cls, value: object) -> object:
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return value

    @field_validator("signing_keys")
    @classmethod
    def _keys_are_pairs_of_hexadecimals(cls, value: SecretStr) -> SecretStr:
        read_keys(value.get_secret_value())
        return value

    @field_validator("eager_presets", mode="before")
    @classmethod
    def _names_may_be_separated_by_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return [name.strip() for name in value.split(",") if name.strip()]
        return value

    @field_validator("presets", "watermarks", "retention_days", mode="before")
    @classmethod
    def _mappings_may_be_json(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                return json.loads(value) if value.strip() else {}
            except ValueError:
                raise ValueError("must be a mapping of names to texts, or that as JSON") from None
        return value

    @field_validator("presets")
    @classmethod
    def _presets_can_be_read(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            try:
                parse_options([f"pr:{name}"], value)
            except InvalidArgument as exc:
                raise ValueError(f"{name!r}: {exc}") from None
        return value

    @field_validator("public_url")
    @classmethod
    def _public_url_is_a_prefix(cls, value: str) -> str:
        url = urlsplit(value)
        if value and (url.scheme not in ("http", "https") or not url.netloc or url.query):
            raise ValueError("must look like https://images.example.com or …/prefix")
        return value.rstrip("/")

    @field_validator("accel_prefix")
    @classmethod
    def _accel_prefix_is_a_path(cls, value: str) -> str:
        if value and not _ACCEL_PREFIX.fullmatch(value):
            raise ValueError("must be a path of letters, digits, - and _, as /_files")
        return value

    @field_validator("cache_control")
    @classmethod
    def _one_header_line(cls, value: str) -> str:
        if not value.isprintable() or not value.isascii():
            raise ValueError("must be one line of plain text, as 'public, max-age=3600'")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        if self.max_upload_bytes > self.max_message_bytes:
            raise ValueError(
                f"max_upload_bytes ({self.max_upload_bytes}) is larger than max_message_bytes "
                f"({self.max_message_bytes}): no message could carry such a picture"
            )
        unknown = sorted(set(self.eager_presets) - set(self.presets))
        if unknown:
            raise ValueError(
                "eager_presets (environment: IMAGE_SERVICE_EAGER_PRESETS) names what is in no "
                f"presets: {', '.join(unknown)}"
            )
        for name, mark in self.watermark_files.items():
            if not (mark.is_file() and mark.stat().st_size <= MAX_WATERMARK_BYTES):
                key = f"watermarks: {name!r}" if name else "watermark_path"
                raise ValueError(
                    f"{key} (environment: IMAGE_SERVICE_WATERMARK{'S' if name else '_PATH'}) must "
                    f"name a file of at most {MAX_WATERMARK_BYTES} bytes, not {mark.name!r}"
                )
        if self.require_signed_originals and (
            not self.signing_keys.get_secret_value() or self.unsigned_variants == "allow"
        ):
            raise ValueError(
                "require_signed_originals (environment: IMAGE_SERVICE_REQUIRE_SIGNED_ORIGINALS) "
                "needs signing_keys, and unsigned_variants: auto or refuse: a variant may be the "
                "original"
            )
        if (self.owner_quota_bytes or self.owner_quota_files) and not self.owner_key:
            raise ValueError(
                "owner_quota_bytes and owner_quota_files need owner_key (environment: "
                "IMAGE_SERVICE_OWNER_KEY): the entry of Nameko's context data that names the owner"
            )
        self.check_s3(accel_prefix=self.accel_prefix, archive_dir=self.archive_dir)
        if self.is_wildcard_host and not self.public_url:
            raise ValueError(
                f"public_url (environment: IMAGE_SERVICE_PUBLIC_URL) must be set when host is the "
                f"wildcard {self.host}: it is what the urls in replies begin with"
            )
        return self

    @property
    def is_wildcard_host(self) -> bool:
        """Tell whether the service listens on every address."""
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_unspecified
        except ValueError:
            return False

    @property
    def url_prefix(self) -> str:
        """What the urls in replies begin with, without a slash at the end."""
        if self.public_url:
            return self.public_url
        host = f"[{self.host.strip('[]')}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def upload_path(self) -> Path:
        """Absolute folder of the originals."""
        return (self.base_dir / self.upload_dir).absolute()

    @property
    def state_path(self) -> Path:
        """Absolute folder of the catalogue and what else must last."""
        if self.state_dir is None:
            return self.upload_path / ".state"
        return (self.base_dir / self.state_dir).absolute()

    @property
    def cache_path(self) -> Path:
        """Absolute folder of the variants."""
        if self.cache_dir is None:
            return self.upload_path / ".cache"
        return (self.base_dir / self.cache_dir).absolute()

    @property
    def archive_path(self) -> Path | None:
        """Absolute folder that originals can be moved to."""
        if self.archive_dir is None:
            return None
        return (self.base_dir / self.archive_dir).absolute()

    @property
    def qualities(self) -> dict[Format, int]:
        """Of variants in the lossy formats, where nothing else is asked for."""
        return {
            Format.JPEG: self.quality_jpeg,
            Format.WEBP: self.quality_webp,
            Format.AVIF: self.quality_avif,
        }

    @property
    def watermark_files(self) -> dict[str, Path]:
        """Absolute paths of the watermarks by name; that of watermark_path has the name ""."""
        named = {"": self.watermark_path} if self.watermark_path else {}
        return {
            name: (self.base_dir / path).absolute()
            for name, path in {**self.watermarks, **named}.items()
        }

    @property
    def is_loopback_host(self) -> bool:
        """Tell whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def opens_unsigned_variants(self) -> bool:
        """Tell whether variants are made for urls that nobody signed."""
        if self.unsigned_variants != "auto":
            return self.unsigned_variants == "allow"
        return self.is_for_this_machine and not self.signing_keys.get_secret_value()

    @property
    def is_for_this_machine(self) -> bool:
        """Tell whether nobody else can be meant: it listens here alone, and for no proxy."""
        return self.is_loopback_host and not self.public_url

    @property
    def opens_api(self) -> bool:
        """Tell whether who asks from this machine needs no token."""
        return self.is_for_this_machine and not self.tokens

    @property
    def keeps_mezzanines(self) -> bool:
        """Tell whether reduced copies of originals are kept in the cache."""
        return self.mezzanines != "never" and self.shrink_on_load and self.cache_bytes > 0

    @property
    def quotas(self) -> Quotas:
        """What may be stored."""
        return Quotas(
            Quota(self.quota_files, self.quota_bytes),
            Quota(self.owner_quota_files, self.owner_quota_bytes, prefix="owner_"),
        )

    @property
    def render_worker_count(self) -> int:
        """How many processes make variants: render_workers, or for 0 one more than cores.

        While one is given its original or hands its variant over, the cores are at work.
        """
        return self.render_workers or core_count() + 1

    @property
    def image_worker_count(self) -> int:
        """How many image worker processes run: image_workers, or one per core for 0."""
        return self.image_workers or core_count()


def core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
