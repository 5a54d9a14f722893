"""What replies are made of, field by field, with what each means.

docs/rpc.md and the HTTP API's description are made of these; tests hold real replies against them.
Fields may be added at any time: a caller ignores those that it does not know.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from .arguments import Status


def _is(description: str, **more: Any) -> Any:
    return Field(description=description, **more)


def _moment(description: str) -> Any:
    return Field(description=description, json_schema_extra={"format": "date-time"})


Success = Annotated[bool, _is("Whether it was done.")]
ImageId = Annotated[str, _is("The image's id.")]
Url = Annotated[str, _is("Where the original is served.")]
Message = Annotated[str, _is("What was done, for people.")]


class Thumbnail(TypedDict):
    """A small variant's address."""

    width: Annotated[int, _is("Of the square that it fits into, px.")]
    url: Annotated[str, _is("Where it is served.")]


Thumbnails = Annotated[list[Thumbnail], _is("Over HTTP, where `thumbnails` were asked for.")]


class Fingerprint(TypedDict):
    """What a picture looks like."""

    dominantColor: Annotated[str | None, _is("What there is most of, sRGB, as `#54524f`.")]
    thumbhash: Annotated[str | None, _is("Base64 of a ThumbHash, a blurred preview.")]
    perceptualHash: Annotated[str | None, _is("64 bits, as 16 hexadecimal digits.")]


class Location(TypedDict):
    """A place on Earth, in WGS 84."""

    latitude: Annotated[float, _is("Degrees north.")]
    longitude: Annotated[float, _is("Degrees east.")]
    altitude: NotRequired[Annotated[float, _is("Metres.")]]


class Metadata(Fingerprint):
    """All that is known of an image."""

    size: Annotated[str, _is("Its bytes for people, 1024-based: `134.40 KB`.")]
    format: Annotated[str, _is("Of its content: `jpeg`, `png`, …")]
    dimensions: Annotated[str, _is("`600x450`, as a viewer shows it.")]
    filename: Annotated[str, _is("Its original name.")]
    sizeBytes: Annotated[int, _is("The stored file's bytes.")]
    width: Annotated[int, _is("px, as a viewer shows it.")]
    height: Annotated[int, _is("px, as a viewer shows it.")]
    contentType: Annotated[str, _is("Its media type.")]
    createdAt: Annotated[str, _moment("When it was stored, RFC 3339 in UTC.")]
    checksum: Annotated[str, _is("`sha256:…` of the bytes that are stored and served.")]
    sentChecksum: Annotated[str, _is("Of those that were sent; see `strip_metadata`.")]
    removedMetadata: Annotated[list[str], _is("What `strip_metadata` took out, in its words.")]
    animated: Annotated[bool, _is("Whether it moves.")]
    frames: Annotated[int, _is("Its frames, or pages of a TIFF.")]
    durationMs: Annotated[int | None, _is("Of all frames together; null for stills.")]
    loopCount: Annotated[int | None, _is("How often it plays, 0 for ever; null for stills.")]
    orientation: Annotated[int, _is("EXIF's, 1 to 8.")]
    hasAlpha: Annotated[bool, _is("Whether it can be transparent.")]
    colorSpace: Annotated[str, _is("`RGB`, `Gray`, `CMYK`, `YCbCr` or `Lab`.")]
    iccProfile: Annotated[str | None, _is("The embedded colour profile's name.")]
    bitDepth: Annotated[int | None, _is("Bits a channel, as stored.")]
    dpi: Annotated[list[float] | None, _is("Pixels an inch, across and down.")]
    exif: Annotated[dict[str, Any], _is("Tags of EXIF 3.0 by name: text, numbers, short lists.")]
    location: Annotated[Location | None, _is("Where it was taken, from EXIF or XMP.")]
    title: Annotated[str | None, _is("From XMP, else IPTC, EXIF, PNG; so are the next four.")]
    description: Annotated[str | None, _is("What is to be seen.")]
    creator: Annotated[list[str], _is("Who made it.")]
    keywords: Annotated[list[str], _is("Its keywords.")]
    rights: Annotated[str | None, _is("Whose it is.")]
    comment: Annotated[str | None, _is("JPEG's, GIF's, PNG's or EXIF's.")]
    tags: Annotated[list[str], _is("Those of the upload, or of the last update.")]
    attributes: Annotated[dict[str, str], _is("The same, text by name.")]
    owner: Annotated[str | None, _is("Whose quota it counts towards.")]


class Deletion(TypedDict, total=False):
    """What images in the trash have beside."""

    deletedAt: Annotated[str, _moment("When it was put into the trash, if it is there.")]


class Listed(Deletion):
    """An image in a listing."""

    imageId: ImageId
    filename: Annotated[str, _is("Its original name.")]
    size: Annotated[str, _is("Its bytes for people.")]
    format: Annotated[str, _is("Of its content.")]
    url: Url
    sizeBytes: Annotated[int, _is("The stored file's bytes.")]
    width: Annotated[int, _is("px, as a viewer shows it.")]
    height: Annotated[int, _is("px, as a viewer shows it.")]
    createdAt: Annotated[str, _moment("When it was stored, RFC 3339 in UTC.")]
    thumbhash: Annotated[str | None, _is("Base64 of a ThumbHash, a blurred preview.")]
    tags: Annotated[list[str], _is("Its tags.")]
    thumbnails: NotRequired[Thumbnails]


class SimilarListed(Listed):
    """A look-alike in a listing."""

    distance: Annotated[int, _is("How many of 64 bits differ: 0 is alike, 32 is chance.")]
    identical: Annotated[bool, _is("Whether the stored bytes are the same.")]


class UploadReply(TypedDict):
    """upload_image's."""

    success: Success
    imageId: ImageId
    filename: Annotated[str, _is("The original name.")]
    url: Url
    message: Message
    metadata: Annotated[Metadata | None, _is("All that is known of it; null on failure.")]
    duplicateOf: Annotated[str | None, _is("The oldest other image of the same bytes.")]


class ImageReply(TypedDict):
    """get_image's."""

    success: Success
    imageId: ImageId
    url: Url
    metadata: Annotated[Metadata, _is("All that is known of it.")]
    thumbnails: NotRequired[Thumbnails]


class DeletionReply(TypedDict):
    """delete_image's."""

    success: Success
    imageId: ImageId
    message: Message
    restorableUntil: Annotated[str | None, _moment("Till then it is in the trash; null: gone.")]


class ListReply(TypedDict):
    """list_images'."""

    success: Success
    images: Annotated[list[Listed], _is("The page.")]
    total: Annotated[int, _is("How many there are on all pages.")]
    totalIsExact: Annotated[bool, _is("False where counting stopped, at 10,000.")]
    nextCursor: Annotated[str | None, _is("For the next page; null on the last.")]


class SimilarReply(TypedDict):
    """find_similar's."""

    success: Success
    imageId: ImageId
    images: Annotated[list[SimilarListed], _is("The look-alikes, the nearest first.")]


class FoundReply(TypedDict):
    """find_images'."""

    success: Success
    imageIds: Annotated[dict[str, str], _is("The id by checksum; what is not stored is not in it.")]


class UrlReply(TypedDict):
    """get_image_url's."""

    success: Success
    imageId: ImageId
    url: Annotated[str, _is("Where it is served.")]
    expiresAt: Annotated[str | None, _moment("When that ends, RFC 3339 in UTC; null: never.")]


class DownloadReply(TypedDict):
    """download_image's."""

    success: Success
    imageId: ImageId
    file: Annotated[bytes, _is("The bytes from `offset` on.")]
    contentType: Annotated[str, _is("Their media type.")]
    offset: Annotated[int, _is("The first byte's place.")]
    totalBytes: Annotated[int, _is("Of the whole file.")]


class Totals(TypedDict):
    """Images and their bytes."""

    files: Annotated[int, _is("How many images.")]
    bytes: Annotated[int, _is("Their bytes.")]


class OwnerTotals(TypedDict):
    """What an owner has stored, and may."""

    owner: Annotated[str, _is("Who it is.")]
    totalFiles: Annotated[int, _is("Their images, those in the trash too.")]
    totalBytes: Annotated[int, _is("Bytes of these.")]
    quotaBytes: Annotated[int | None, _is("Bytes they may store; null: any number.")]
    quotaFiles: Annotated[int | None, _is("Images they may store; null: any number.")]


class StorageReply(TypedDict):
    """get_storage_info's."""

    success: Success
    totalFiles: Annotated[int, _is("Images that are stored, those in the trash apart.")]
    totalSize: Annotated[str, _is("Their bytes for people.")]
    uploadsDir: Annotated[str, _is("`upload_dir` as configured.")]
    totalBytes: Annotated[int, _is("Their bytes.")]
    freeBytes: Annotated[
        int | None, _is("Room on the disk of the originals; null where nobody can tell.")
    ]
    quotaBytes: Annotated[int | None, _is("Bytes that may be stored; null: any number.")]
    quotaFiles: Annotated[int | None, _is("Images that may be stored; null: any number.")]
    trashedFiles: Annotated[int, _is("Images in the trash.")]
    trashedBytes: Annotated[int, _is("Their bytes.")]
    cacheBytes: Annotated[int, _is("Bytes of variants that are kept.")]
    cacheHits: Annotated[int, _is("How often this process found a variant.")]
    cacheMisses: Annotated[int, _is("How often it did not.")]
    byFormat: Annotated[dict[str, Totals], _is("Images and bytes by format.")]
    owner: Annotated[OwnerTotals | None, _is("The caller's share, where it says who it is.")]


class Check(TypedDict):
    """How one thing that the service depends on is."""

    status: Annotated[Literal["ok", "failed"], _is("How it is.")]
    message: NotRequired[Annotated[str, _is("What is wrong.")]]


class Integrity(TypedDict):
    """How the last verification of all images ended."""

    finishedAt: Annotated[str, _moment("When.")]
    images: Annotated[int, _is("How many were looked at.")]
    bytes: Annotated[int, _is("Their bytes.")]
    damaged: Annotated[int, _is("Images whose file is not what was stored.")]
    missing: Annotated[int, _is("Images without a file.")]
    imageIds: Annotated[list[str], _is("Some of these.")]


class Backlog(TypedDict):
    """What of the events RabbitMQ does not have yet."""

    waiting: Annotated[int, _is("How many.")]
    oldestSeconds: Annotated[float, _is("For how long the oldest has waited.")]


class HealthReply(TypedDict):
    """health_check's."""

    success: Annotated[bool, _is("False only where `status` is `unavailable`.")]
    status: Annotated[Status, _is("The worst that the checks say.")]
    service: Annotated[str, _is("`image_service`.")]
    version: Annotated[str, _is("The service's version.")]
    timestamp: Annotated[str, _moment("Now, RFC 3339 in UTC.")]
    uptimeSeconds: Annotated[float, _is("Since the process started.")]
    checks: Annotated[dict[str, Check], _is("`storage`, `catalogue`, `broker`, `workers`.")]
    integrity: Annotated[Integrity | None, _is("The last verification of all images.")]
    events: Annotated[Backlog | None, _is("[Events](events.md) that wait; null: they are off.")]
