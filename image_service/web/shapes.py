"""What replies of the HTTP API are made of that no RPC method answers; see rpc/shapes.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from ..domain.tokens import Scope
from ..rpc.shapes import Integrity, StorageReply, Success, Totals

_MOMENT = {"format": "date-time"}


class Month(Totals):
    """What was stored in a month and is there still."""

    month: Annotated[str, Field(description="In UTC, as `2026-01`.")]
    byFormat: Annotated[dict[str, Totals], Field(description="Images and bytes by format.")]  # noqa: N815


class LastBackup(TypedDict):
    """How the last backup ended."""

    finishedAt: Annotated[str, Field(description="When.", json_schema_extra=_MOMENT)]
    images: Annotated[int, Field(description="How many are in it.")]
    bytes: Annotated[int, Field(description="Their bytes.")]
    leftOut: Annotated[int, Field(description="Images that could not be copied.")]


class StatsReply(StorageReply):
    """get_storage_info's, and how it came to it."""

    byMonth: Annotated[list[Month], Field(description="The oldest first.")]  # noqa: N815
    lastVerification: Annotated[Integrity | None, Field(description="Null where none was.")]  # noqa: N815
    lastBackup: Annotated[LastBackup | None, Field(description="Null where none was.")]  # noqa: N815


class TagCount(TypedDict):
    """A tag."""

    tag: Annotated[str, Field(description="The tag.")]
    files: Annotated[int, Field(description="How many images have it.")]


class TagsReply(TypedDict):
    """The most frequent tags."""

    success: Success
    tags: Annotated[list[TagCount], Field(description="The most frequent first.")]


class MonthFiles(TypedDict):
    """How many images of a listing are of a month."""

    month: Annotated[str, Field(description="Of creation, in UTC, as `2026-01`.")]
    files: Annotated[int, Field(description="How many.")]


class TimelineReply(TypedDict):
    """What of a listing is of which month."""

    success: Success
    months: Annotated[
        list[MonthFiles] | None,
        Field(description="The oldest first; null where there is too much to count."),
    ]
    total: Annotated[int, Field(description="How many there are, or how far it was counted.")]
    totalIsExact: Annotated[bool, Field(description="False where more was not counted.")]


class ChangesReply(TypedDict):
    """Whether listings are what they were."""

    success: Success
    version: Annotated[str, Field(description="Another one after any change.")]


class Limits(TypedDict):
    """What uploads are held to."""

    maxUploadBytes: Annotated[int, Field(description="Bytes of a picture.")]
    maxPixels: Annotated[int, Field(description="Pixels of a picture.")]
    maxSidePx: Annotated[int, Field(description="px of its longer side.")]
    maxFrames: Annotated[int, Field(description="Frames of an animation.")]
    formats: Annotated[list[str], Field(description="The formats that are accepted.")]


class SessionReply(TypedDict):
    """Who asks, and what is possible here."""

    success: Success
    authenticated: Annotated[bool, Field(description="Whether it is known who asks.")]
    needsToken: Annotated[bool, Field(description="Whether a token has to be shown first.")]
    scopes: Annotated[list[Scope], Field(description="What they may do.")]
    name: Annotated[str, Field(description="Their token's name.")]
    expiresAt: Annotated[
        str | None, Field(description="When the session ends.", json_schema_extra=_MOMENT)
    ]
    readOnly: Annotated[bool, Field(description="Whether nothing can be changed here.")]
    limits: Annotated[Limits, Field(description="What uploads are held to.")]
    version: Annotated[str, Field(description="The service's version.")]
    urlsLastS: Annotated[
        float | None,
        Field(description="Seconds that signed urls of originals are good for; null: for ever."),
    ]
    trashRetentionDays: Annotated[float, Field(description="0: deleted is deleted.")]


class LivenessReply(TypedDict):
    """That the process answers."""

    status: Literal["ok"]


class Problem(TypedDict):
    """An error, as RFC 9457 has it; what more there is, is told with each code (errors.md)."""

    type: Annotated[str, Field(description="`about:blank`.")]
    title: Annotated[str, Field(description="The status in words.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What was wrong and what to do, for people.")]
    code: Annotated[str, Field(description="The same for programs.")]
