"""The arguments of RPC methods: their types, with what each is and may be.

Methods name these in their signatures; docs/rpc.md and the HTTP API's description are made of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..domain import arguments
from ..domain.filename import MAX_FILENAME_CHARACTERS
from ..domain.fingerprint import MAX_DISTANCE
from ..domain.formats import Format
from ..domain.listing import MAX_LIMIT, ORDERS
from .downloads import MAX_EXPIRY_S, MOST_BYTES

_CHECKSUM = "^sha256:[0-9a-fA-F]{64}$"
_LABEL = Field(min_length=1, max_length=arguments.MAX_LABEL_CHARACTERS)
_ORDERS = [sign + order for order in ORDERS for sign in ("", "-")]

File = Annotated[
    Any,
    Field(
        description="The picture: bytes, base64 text, a base64 `data:` URL, a Node Buffer's JSON."
    ),
]
ImageId = Annotated[str, Field(description="The image's id, bare or with its stored extension.")]
Filename = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_FILENAME_CHARACTERS,
        description="The original name. If its extension is a picture's, it must be the content's.",
    ),
]
Tags = Annotated[
    list[Annotated[str, _LABEL]],
    Field(max_length=arguments.MAX_TAGS, description="Words that listings can be narrowed by."),
]
Attributes = Annotated[
    dict[str, Annotated[str, Field(max_length=arguments.MAX_ATTRIBUTE_VALUE_CHARACTERS)]],
    Field(max_length=arguments.MAX_ATTRIBUTES, description="Facts of yours, text by name."),
]
Checksum = Annotated[
    str,
    Field(pattern=_CHECKSUM, description="Of the bytes; compared before they are accepted."),
]
Checksums = Annotated[
    list[Annotated[str, Field(pattern=_CHECKSUM)]],
    Field(min_length=1, max_length=MAX_LIMIT, description="Of files that may be stored."),
]
IdempotencyKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=arguments.MAX_IDEMPOTENCY_KEY_CHARACTERS,
        description="The same key and bytes again are answered with the first reply.",
    ),
]
Permanent = Annotated[bool, Field(description="Past the trash, or out of it, for good.")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many images at most.")]
Cursor = Annotated[
    str, Field(description="The `nextCursor` of the page before; its order and filters again.")
]
Order = Annotated[
    str,
    Field(
        json_schema_extra={"enum": _ORDERS},
        description="By what they are ordered; `-` in front: in reverse.",
    ),
]
FormatName = Annotated[
    str,
    Field(
        json_schema_extra={"enum": [each.value for each in Format]},
        description="Of this format. An extension that stands for it will do.",
    ),
]
Tag = Annotated[str, _LABEL, Field(description="With exactly this tag.")]
FilenamePart = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_FILENAME_CHARACTERS,
        description="With this in the filename, in any case.",
    ),
]
After = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="Stored then or later.")
]
Before = Annotated[
    str, Field(json_schema_extra={"format": "date-time"}, description="Stored earlier than then.")
]
MinBytes = Annotated[int, Field(ge=0, description="Of so many bytes or more.")]
MaxBytes = Annotated[int, Field(ge=0, description="Of so many bytes or fewer.")]
Trashed = Annotated[bool, Field(description="Those in the trash, in place of the others.")]
MaxDistance = Annotated[
    int, Field(ge=0, le=MAX_DISTANCE, description="How many of 64 bits may differ.")
]
Transform = Annotated[
    str | dict[str, Any],
    Field(
        description="A variant's options, as `rs:fill:300:400/q:80` or a mapping of them; "
        "without, the original."
    ),
]
ExpiresInS = Annotated[
    int, Field(ge=1, le=MAX_EXPIRY_S, description="For how many seconds the url is good.")
]
Offset = Annotated[int, Field(ge=0, le=MOST_BYTES, description="The first byte that is wanted.")]
Length = Annotated[
    int,
    Field(
        ge=0,
        le=MOST_BYTES,
        description="How many bytes at most; never more than `max_upload_bytes`.",
    ),
]
Status = Literal["ok", "degraded", "unavailable"]
