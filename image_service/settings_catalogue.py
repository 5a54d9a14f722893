"""The settings of where the catalogue is kept, and of how long anybody waits for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

_SCHEMES = ("postgresql://", "postgres://")
_LOOKS_LIKE = (
    "must look like postgresql://user:password@host:5432/database?sslmode=require; a password's @ "
    "is written %40, its / %2F, its : %3A"
)

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class CatalogueSettings(BaseModel):
    """Keys of config.yaml about the catalogue."""

    catalogue_url: SecretStr | None = None
    catalogue_replica_url: SecretStr | None = None
    catalogue_moving: bool = False
    catalogue_pool_size: int = Field(8, ge=1, le=256)
    catalogue_connect_timeout_s: int = Field(5, ge=2, le=600)
    catalogue_timeout_s: Seconds = 10.0
    lease_ttl_s: float = Field(60.0, ge=3, le=3600, allow_inf_nan=False)

    @field_validator("catalogue_url", "catalogue_replica_url", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        return None if isinstance(text, str) and not text.strip() else value

    @field_validator("catalogue_url", "catalogue_replica_url")
    @classmethod
    def _libpq_can_read_it(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _replica_is_of_something(self) -> CatalogueSettings:
        if self.catalogue_replica_url is not None and self.catalogue_url is None:
            raise ValueError(
                "catalogue_replica_url (environment: IMAGE_SERVICE_CATALOGUE_REPLICA_URL) needs "
                "catalogue_url: the PostgreSQL that it is a standby of"
            )
        return self

    @model_validator(mode="after")
    def _moving_needs_a_place(self) -> CatalogueSettings:
        if self.catalogue_moving and self.catalogue_url is None:
            raise ValueError(
                "catalogue_moving (environment: IMAGE_SERVICE_CATALOGUE_MOVING) needs "
                "catalogue_url: the PostgreSQL that the catalogue moves to"
            )
        return self


def check_url(url: str) -> None:
    """Raise ValueError, which never repeats the url, where libpq cannot use it."""
    if not url.startswith(_SCHEMES):
        raise ValueError(_LOOKS_LIKE)
    try:
        from psycopg2 import ProgrammingError
        from psycopg2.extensions import parse_dsn
    except ImportError:
        raise ValueError(
            "needs the extra postgres: pip install 'image-service[postgres]'"
        ) from None
    try:
        parse_dsn(url)
    except (ProgrammingError, UnicodeError):
        raise ValueError(_LOOKS_LIKE) from None
