"""Every error a caller can be told of: one tree, one code each.

An error's arguments are exactly its positional arguments and its message is made in __str__,
so that it survives pickling and Nameko's wire. `details` is what programs get beside the code.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

DAMAGE_ERRNOS = frozenset((errno.EIO, errno.EBADMSG, errno.EUCLEAN))
"""The system's errors of a file whose bytes its disk has lost, or whose own checksum is wrong.

A disk that is lost as a whole answers with the first of them, too.
"""


class ImageServiceError(Exception):
    """Base of all errors of this service.

    code: the word programs switch on (docs/errors.md lists them).
    retryable: True when the same call may succeed later without being changed.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def details(self) -> dict[str, Any]:
        """Return JSON-safe facts that go into the reply's `error` beside code and retryable."""
        return {}


class InternalError(ImageServiceError):
    """Raised when the service itself failed; the log has the cause under this call's id."""

    retryable = True

    def __str__(self) -> str:
        return "Internal error. Nothing was changed by this call; try again, or ask the operator."


class InvalidArgument(ImageServiceError):
    """Raised when an argument has the wrong type, shape or range: InvalidArgument(name, why)."""

    code = "invalid_argument"

    def __init__(self, argument: str, why: str) -> None:
        super().__init__(argument, why)
        self.argument, self.why = argument, why

    def __str__(self) -> str:
        return f"Invalid {self.argument}: {self.why}."

    def details(self) -> dict[str, Any]:
        return {"argument": self.argument}


class InvalidFilename(InvalidArgument):
    """Raised when a filename is empty, too long or holds control characters."""

    code = "invalid_filename"

    def __init__(self, why: str) -> None:
        super(InvalidArgument, self).__init__(why)
        self.argument, self.why = "filename", why


class InvalidImageId(ImageServiceError):
    """Raised when text cannot be an image id at all: InvalidImageId(text)."""

    code = "invalid_image_id"

    def __str__(self) -> str:
        return "Not an image id. Ids look like img_1700000000000_0123456789abcdef."


class ImageNotFound(ImageServiceError):
    """Raised when no image has this id: ImageNotFound(image_id)."""

    code = "image_not_found"

    def __str__(self) -> str:
        return f"Image {self.args[0]} not found. It was deleted, or never stored here."


class ImageDamaged(ImageServiceError):
    """Raised when the stored bytes are missing or are not those uploaded: ImageDamaged(id)."""

    code = "image_damaged"

    def __str__(self) -> str:
        return f"Image {self.args[0]} is damaged in storage and is not served."


class EmptyFile(ImageServiceError):
    """Raised when an upload has no bytes."""

    code = "empty_file"

    def __str__(self) -> str:
        return "The file is empty (0 bytes). Send the picture's bytes."


class LimitExceeded(ImageServiceError):
    """Base of errors that name a limit: LimitExceeded(setting, limit, actual)."""

    def __init__(self, setting: str, limit: int, actual: int) -> None:
        limit, actual = int(limit), int(actual)  # Nameko's wire makes text of them
        super().__init__(setting, limit, actual)
        self.setting, self.limit, self.actual = setting, limit, actual

    def details(self) -> dict[str, Any]:
        return {"setting": self.setting, "limit": self.limit, "actual": self.actual}


class ImageTooLarge(LimitExceeded):
    """Raised when a picture or a request has more bytes than allowed.

    setting is max_upload_bytes (the picture), max_message_bytes (the whole request) or
    max_call_bytes (a request that carries no picture).
    """

    code = "image_too_large"

    def __str__(self) -> str:
        what = "picture" if self.setting == "max_upload_bytes" else "request"
        advice = {
            "max_message_bytes": "Send the bytes with the msgpack serializer, which adds nothing "
            "to them, or a smaller picture",
            "max_call_bytes": "Send less in one call",
        }.get(self.setting, "Send a smaller picture")
        return (
            f"The {what} has {self.actual:,} bytes; the limit {self.setting} is "
            f"{self.limit:,} bytes. {advice}."
        )


class ReplyTooLarge(LimitExceeded):
    """Raised when an answer would not fit a message: ReplyTooLarge(setting, limit, actual)."""

    code = "reply_too_large"

    def __str__(self) -> str:
        return (
            f"The answer has {self.actual:,} bytes; the limit {self.setting} is "
            f"{self.limit:,} bytes. Ask for less at once, as by a smaller limit."
        )


class SearchTooSlow(ImageServiceError):
    """Raised when a search for a word in filenames takes longer than catalogue_timeout_s."""

    code = "search_too_slow"

    def __str__(self) -> str:
        return (
            "The search for filenames took longer than it may (catalogue_timeout_s). Search for "
            "three or more characters in a row, or among fewer images: of a tag, a format, or a "
            "time (created_after, created_before)."
        )


class TooManyPixels(LimitExceeded):
    """Raised when width × height or a side is over the limit, before anything is decoded."""

    code = "too_many_pixels"

    def __str__(self) -> str:
        unit = "px on its longest side" if "side" in self.setting else "pixels"
        return (
            f"The picture has {self.actual:,} {unit}; the limit {self.setting} is "
            f"{self.limit:,}. Scale it down before uploading."
        )


class TooManyFrames(LimitExceeded):
    """Raised when an animation has more frames, or frames × pixels, than allowed."""

    code = "too_many_frames"

    def __str__(self) -> str:
        unit = "pixels in all its frames" if "pixels" in self.setting else "frames"
        return (
            f"The animation has {self.actual:,} {unit}; the limit {self.setting} is "
            f"{self.limit:,}. Shorten it or scale it down before uploading."
        )


class TooManyScans(LimitExceeded):
    """Raised when a progressive JPEG has more scans, or scans × pixels, than allowed."""

    code = "too_many_scans"

    def __str__(self) -> str:
        unit = "pixels in all its scans" if "pixels" in self.setting else "scans"
        return (
            f"The progressive JPEG has {self.actual:,} {unit}; the limit {self.setting} is "
            f"{self.limit:,}. Save it again with an ordinary encoder, which makes about ten scans."
        )


class MetadataTooLarge(LimitExceeded):
    """Raised when a colour profile or a text in the picture is larger than allowed."""

    code = "metadata_too_large"

    def __str__(self) -> str:
        what = "colour profile" if "icc" in self.setting else "text"
        return (
            f"The picture carries a {what} of {self.actual:,} bytes or more; the limit "
            f"{self.setting} is {self.limit:,} bytes. Save it again without it."
        )


class UnsupportedFormat(ImageServiceError):
    """Raised when the bytes are of no accepted format: UnsupportedFormat(what_it_is)."""

    code = "unsupported_format"

    def __str__(self) -> str:
        return (
            f"The file is {self.args[0]}, which is not accepted. "
            "Send JPEG, PNG, GIF, WebP, AVIF, TIFF or BMP."
        )

    def details(self) -> dict[str, Any]:
        return {"detected": self.args[0]}


class TypeMismatch(ImageServiceError):
    """Raised when a filename's extension contradicts the content: TypeMismatch(ext, format)."""

    code = "type_mismatch"

    def __str__(self) -> str:
        extension, detected = self.args
        return (
            f"The filename ends in .{extension} but the content is {detected}. "
            "Give it its right extension, or none."
        )

    def details(self) -> dict[str, Any]:
        return {"extension": self.args[0], "detected": self.args[1]}


class CorruptImage(ImageServiceError):
    """Raised when the picture cannot be decoded, or not within the limits: CorruptImage(why).

    These are worker_memory_bytes and worker_cpu_s.
    """

    code = "corrupt_image"

    def __str__(self) -> str:
        return f"The picture cannot be decoded: {self.args[0]}. Export it again and resend it."


class TruncatedImage(CorruptImage):
    """Raised when the picture ends before its data does: TruncatedImage(why)."""

    code = "truncated_image"

    def __str__(self) -> str:
        return f"The picture is cut short: {self.args[0]}. Send the whole file again."


class VariantFailed(ImageServiceError):
    """Raised when a variant takes more than it may of memory or time: VariantFailed(why).

    These are render_memory_bytes and render_cpu_s.
    """

    code = "variant_failed"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"This variant cannot be made: {self.why}. Ask for a smaller or simpler one."


class ChecksumMismatch(ImageServiceError):
    """Raised when the bytes are not those the caller's checksum is of.

    Arguments: ChecksumMismatch(expected, actual), both "sha256:<hex>".
    """

    code = "checksum_mismatch"
    retryable = True

    def __str__(self) -> str:
        return (
            f"The bytes received have checksum {self.args[1]}, not {self.args[0]}. "
            "They were damaged on the way; send them again."
        )

    def details(self) -> dict[str, Any]:
        return {"expected": self.args[0], "actual": self.args[1]}


class Busy(ImageServiceError):
    """Raised when too much is waiting, a worker stalled, or a key is in flight: Busy(what)."""

    code = "busy"
    retryable = True

    def __str__(self) -> str:
        return f"Busy: {self.args[0]}. Try again in a moment."


class Forbidden(ImageServiceError):
    """Raised when what is asked for may not be had: Forbidden(why, scope).

    scope: the right that the caller's token lacks.
    """

    code = "forbidden"

    def __str__(self) -> str:
        return str(self.args[0])

    def details(self) -> dict[str, Any]:
        return {"scope": self.args[1]} if len(self.args) > 1 else {}


class Unauthorized(ImageServiceError):
    """Raised when nobody says who asks, or it is not believed: Unauthorized(why)."""

    code = "unauthorized"

    def __str__(self) -> str:
        return str(self.args[0])


class RateLimited(ImageServiceError):
    """Raised when somebody asks too often: RateLimited(kind, limit, retry_after_s).

    kind: what is counted, a key of the setting rate_limits. limit: as "60 in a minute".
    """

    code = "rate_limited"
    retryable = True

    def __init__(self, kind: str, limit: str, retry_after_s: int) -> None:
        retry_after_s = int(retry_after_s)
        super().__init__(kind, limit, retry_after_s)
        self.kind, self.limit, self.retry_after_s = kind, limit, retry_after_s

    def __str__(self) -> str:
        return (
            f"Too many {self.kind}: the limit is {self.limit}. Try again in {self.retry_after_s} s."
        )

    def details(self) -> dict[str, Any]:
        return {"limit": self.limit, "retryAfterS": self.retry_after_s}


class StorageFull(ImageServiceError):
    """Raised when the disk is full, or would have less than min_free_bytes left."""

    code = "storage_full"
    retryable = True

    def __str__(self) -> str:
        return "The store's disk is full; nothing was stored. Free space or ask the operator."


class QuotaExceeded(LimitExceeded):
    """Raised when an image is too much for a quota: QuotaExceeded(setting, limit, used, asked).

    setting is quota_files, quota_bytes (of the whole store), or the same after owner_.
    """

    code = "quota_exceeded"

    def __init__(self, setting: str, limit: int, used: int, asked: int) -> None:
        limit, used, asked = int(limit), int(used), int(asked)
        super(LimitExceeded, self).__init__(setting, limit, used, asked)
        self.setting, self.limit, self.used, self.asked = setting, limit, used, asked

    def __str__(self) -> str:
        whose = "You have" if self.setting.startswith("owner_") else "The store has"
        unit = "images" if self.setting.endswith("files") else "bytes"
        more = "one more" if unit == "images" else f"this picture's {self.asked:,}"
        return (
            f"{whose} {self.used:,} of {self.limit:,} {unit} that {self.setting} allows: {more} "
            "would be too many. Delete images, or ask the operator for more."
        )

    def details(self) -> dict[str, Any]:
        return {
            "setting": self.setting,
            "limit": self.limit,
            "used": self.used,
            "asked": self.asked,
        }


class StorageUnavailable(ImageServiceError):
    """Raised when the store or its catalogue cannot be read or written: ...(what)."""

    code = "storage_unavailable"
    retryable = True

    def __str__(self) -> str:
        return f"The store is not available ({self.args[0]}). Try again, or ask the operator."
