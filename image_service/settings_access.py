"""The settings of who may do what over HTTP, and how often."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .domain.tokens import Scope, Token


class TokenSettings(BaseModel):
    """One entry of `tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{64}$")]
    scopes: list[Scope] = Field(min_length=1)
    name: str = Field("", max_length=100)
    owner: str = Field("", max_length=255)
    expires: dt.datetime | None = None

    @field_validator("expires")
    @classmethod
    def _without_an_offset_it_is_utc(cls, value: dt.datetime | None) -> dt.datetime | None:
        return value.replace(tzinfo=dt.timezone.utc) if value and value.tzinfo is None else value

    def token(self) -> Token:
        """Return it as the domain has it."""
        expires_s = self.expires.timestamp() if self.expires else None
        digest = bytes.fromhex(self.sha256)
        return Token(digest, frozenset(self.scopes), self.name, self.owner, expires_s)


class AccessSettings(BaseModel):
    """Keys of config.yaml that say who may do what over HTTP."""

    tokens: list[TokenSettings] = []
    session_ttl_s: float = Field(43_200.0, gt=0, le=86_400 * 366, allow_inf_nan=False)
    read_only: bool = False
    rate_limits: dict[Literal["calls", "uploads", "logins"], str] = {}
    require_signed_originals: bool = False
    signed_url_ttl_s: float = Field(3_600.0, ge=1, le=86_400 * 366, allow_inf_nan=False)

    @field_validator("tokens", mode="before")
    @classmethod
    def _tokens_may_be_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else []
        except ValueError:
            raise ValueError("must be a list as `image-service make-token` prints it") from None

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _rates_may_be_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else {}
        except ValueError:
            raise ValueError("must be a mapping of kinds to rates, or that as JSON") from None

    @field_validator("rate_limits")
    @classmethod
    def _rates_can_be_read(cls, value: dict[str, str]) -> dict[str, str]:
        if value:
            from limits import parse_many  # takes a fifth of a second, and few need it
        for kind, text in value.items():
            try:
                is_rate = all(item.amount > 0 for item in parse_many(text))
            except ValueError:
                is_rate = False
            if not is_rate:
                raise ValueError(f"{kind}: must look like 60/minute, or 60/minute; 1000/day")
        return value

    @field_validator("tokens")
    @classmethod
    def _each_token_once(cls, value: list[TokenSettings]) -> list[TokenSettings]:
        if len({each.sha256.lower() for each in value}) < len(value):
            raise ValueError("one token is there twice")
        return value
