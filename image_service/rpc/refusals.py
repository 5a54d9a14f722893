"""Which errors a method may answer: said beside it, told in the documentation, held to by tests."""

from __future__ import annotations

from ..errors import (
    Busy,
    ChecksumMismatch,
    CorruptImage,
    EmptyFile,
    ImageDamaged,
    ImageNotFound,
    ImageServiceError,
    ImageTooLarge,
    InternalError,
    InvalidArgument,
    InvalidFilename,
    InvalidImageId,
    MetadataTooLarge,
    QuotaExceeded,
    ReplyTooLarge,
    SearchTooSlow,
    StorageFull,
    StorageUnavailable,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    TruncatedImage,
    TypeMismatch,
    UnsupportedFormat,
    VariantFailed,
)

Kinds = tuple[type[ImageServiceError], ...]

ALWAYS: Kinds = (InternalError, StorageUnavailable, ImageTooLarge, ReplyTooLarge, Busy)
"""Those of any method: the last three of its request, its answer, and reading a large request."""
ARGUMENTS: Kinds = (InvalidArgument,)
OF_A_LISTING: Kinds = (*ARGUMENTS, SearchTooSlow)
OF_AN_IMAGE: Kinds = (InvalidImageId, ImageNotFound)
OF_A_PICTURE: Kinds = (*OF_AN_IMAGE, ImageDamaged, VariantFailed, CorruptImage, TruncatedImage)
NAMED: Kinds = (InvalidFilename, TypeMismatch)
OF_AN_UPLOAD: Kinds = (
    *ARGUMENTS,
    *NAMED,
    EmptyFile,
    ChecksumMismatch,
    UnsupportedFormat,
    CorruptImage,
    TruncatedImage,
    TooManyPixels,
    TooManyFrames,
    TooManyScans,
    MetadataTooLarge,
    QuotaExceeded,
    StorageFull,
)
