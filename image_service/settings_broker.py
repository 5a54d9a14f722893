"""The settings of RabbitMQ: how it is reached, and what is told over it."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from .amqp_tls import several

_AMQP_SCHEMES = ("amqp", "amqps", "pyamqp")

Serializer = Literal["msgpack", "json"]


class BrokerSettings(BaseModel):
    """Keys of config.yaml about RabbitMQ."""

    amqp_uri: str = Field("pyamqp://guest:guest@localhost", alias="AMQP_URI")
    heartbeat: int = Field(5, ge=0, le=3600, alias="HEARTBEAT")
    accept: list[Serializer] = Field(["msgpack", "json"], alias="ACCEPT", min_length=1)
    serializer: Serializer = "msgpack"
    rpc_queue_type: Literal["classic", "quorum"] = "classic"
    stall_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.5
    events: bool = True
    events_poll_s: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 1.0

    @field_validator("amqp_uri", mode="before")
    @classmethod
    def _hosts_may_be_a_list(cls, value: object) -> object:
        return several(value) if isinstance(value, (list, tuple)) else value

    @field_validator("amqp_uri")
    @classmethod
    def _amqp_uri_names_a_broker(cls, value: str) -> str:
        for uri in value.split(";"):
            try:
                parts = urlsplit(uri)
                is_broker = parts.scheme in _AMQP_SCHEMES and bool(parts.hostname)
                is_broker = is_broker and (parts.port is None or parts.port > 0)
            except ValueError:
                is_broker = False
            if not is_broker:
                raise ValueError(
                    "must look like pyamqp://user:password@host:5672/vhost; a password's @ is "
                    "written %40, its / %2F, its : %3A"
                )
        return value
