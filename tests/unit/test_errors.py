"""Every error: its code, its words, and its way across processes."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path
from unittest.mock import patch

import pytest
from nameko import exceptions as wire

from image_service import errors
from image_service.errors import ImageServiceError

ID = "img_1700000000000_abcdefghij0123456789"
SHA = "sha256:" + "0" * 64

# code, retryable, an example, and words a person must find in its message.
TABLE: list[tuple[str, bool, ImageServiceError, list[str]]] = [
    ("internal_error", True, errors.InternalError(), ["try again"]),
    ("invalid_argument", False, errors.InvalidArgument("limit", "0 is not"), ["limit", "0 is not"]),
    ("invalid_filename", False, errors.InvalidFilename("it is empty"), ["filename", "empty"]),
    ("invalid_image_id", False, errors.InvalidImageId("x"), ["img_1700000000000_"]),
    ("image_not_found", False, errors.ImageNotFound(ID), [ID, "not found"]),
    ("image_damaged", False, errors.ImageDamaged(ID), [ID, "damaged"]),
    ("empty_file", False, errors.EmptyFile(), ["empty", "Send"]),
    ("image_too_large", False, errors.ImageTooLarge("max_upload_bytes", 10_000, 20_000),
     ["10,000", "20,000", "max_upload_bytes", "smaller"]),
    ("image_too_large", False, errors.ImageTooLarge("max_message_bytes", 10_000, 20_000),
     ["10,000", "20,000", "max_message_bytes", "msgpack"]),
    ("image_too_large", False, errors.ImageTooLarge("max_call_bytes", 10_000, 20_000),
     ["10,000", "20,000", "max_call_bytes", "less in one call"]),
    ("reply_too_large", False, errors.ReplyTooLarge("max_message_bytes", 10_000, 20_000),
     ["10,000", "20,000", "max_message_bytes", "less"]),
    ("too_many_pixels", False, errors.TooManyPixels("max_pixels", 50_000_000, 60_000_000),
     ["50,000,000", "60,000,000", "max_pixels", "Scale"]),
    ("too_many_pixels", False, errors.TooManyPixels("max_side_px", 16_384, 20_000),
     ["16,384", "20,000", "longest side"]),
    ("too_many_frames", False, errors.TooManyFrames("max_frames", 500, 501),
     ["500", "501", "max_frames", "Shorten"]),
    ("too_many_frames", False, errors.TooManyFrames("max_frames_pixels", 5_000, 6_000),
     ["5,000", "6,000", "pixels in all its frames"]),
    ("too_many_scans", False, errors.TooManyScans("max_jpeg_scans", 64, 882),
     ["64", "882", "max_jpeg_scans", "encoder"]),
    ("too_many_scans", False, errors.TooManyScans("max_jpeg_scans_pixels", 5_000, 6_000),
     ["5,000", "6,000", "pixels in all its scans"]),
    ("metadata_too_large", False, errors.MetadataTooLarge("max_icc_bytes", 5_000, 6_000),
     ["5,000", "6,000", "max_icc_bytes", "profile", "without it"]),
    ("metadata_too_large", False, errors.MetadataTooLarge("max_text_bytes", 5_000, 6_000),
     ["5,000", "6,000", "max_text_bytes", "text"]),
    ("unsupported_format", False, errors.UnsupportedFormat("SVG"), ["SVG", "JPEG, PNG, GIF"]),
    ("type_mismatch", False, errors.TypeMismatch("jpg", "png"), [".jpg", "png", "extension"]),
    ("corrupt_image", False, errors.CorruptImage("why"), ["why", "again"]),
    ("truncated_image", False, errors.TruncatedImage("why"), ["why", "whole file"]),
    ("checksum_mismatch", True, errors.ChecksumMismatch(SHA, SHA[:-1] + "1"), [SHA, "again"]),
    ("busy", True, errors.Busy("why"), ["why", "Try again"]),
    ("variant_failed", False, errors.VariantFailed("why"), ["why", "smaller"]),
    ("forbidden", False, errors.Forbidden("The URL's time is over."), ["time is over"]),
    ("forbidden", False, errors.Forbidden("It lacks the scope.", "delete"), ["scope"]),
    ("unauthorized", False, errors.Unauthorized("Send a token."), ["token"]),
    ("rate_limited", True, errors.RateLimited("uploads", "60 in a minute", 12),
     ["uploads", "60 in a minute", "again in 12 s"]),
    ("quota_exceeded", False, errors.QuotaExceeded("quota_bytes", 10_000, 9_000, 2_000),
     ["10,000", "9,000", "2,000", "quota_bytes", "store", "Delete"]),
    ("quota_exceeded", False, errors.QuotaExceeded("owner_quota_files", 1_000, 1_000, 1),
     ["1,000", "owner_quota_files", "You have", "one more"]),
    ("search_too_slow", False, errors.SearchTooSlow(),
     ["catalogue_timeout_s", "three or more", "created_after"]),
    ("storage_full", True, errors.StorageFull(), ["full", "operator"]),
    ("storage_unavailable", True, errors.StorageUnavailable("why"), ["why", "Try again"]),
]  # fmt: skip
EXAMPLES = [row[2] for row in TABLE]
BASES = {ImageServiceError, errors.LimitExceeded}
EVERY = {
    cls
    for cls in vars(errors).values()
    if inspect.isclass(cls) and issubclass(cls, ImageServiceError) and cls not in BASES
}
CONTRACT_CODES = set(
    re.findall(
        r"\w+",
        """image_not_found invalid_image_id empty_file unsupported_format type_mismatch
        corrupt_image truncated_image image_too_large too_many_pixels too_many_frames
        invalid_filename invalid_argument quota_exceeded storage_full storage_unavailable
        image_damaged internal_error unauthorized forbidden rate_limited upload_not_found
        offset_mismatch checksum_mismatch busy reply_too_large variant_failed
        too_many_scans metadata_too_large search_too_slow""",
    )
)


def test_every_error_is_in_the_table_and_every_code_in_the_contract() -> None:
    assert {type(example) for example in EXAMPLES} == EVERY
    assert {cls.code for cls in EVERY} <= CONTRACT_CODES


def test_no_two_errors_share_a_code() -> None:
    assert len({cls.code for cls in EVERY}) == len(EVERY)


def test_every_code_is_documented() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
    assert {cls.code for cls in EVERY} <= set(re.findall(r"`(\w+)`", page.read_text()))


@pytest.mark.parametrize(
    ("code", "is_retryable", "error", "words"), TABLE, ids=lambda v: str(v)[:30]
)
def test_an_error_says_what_was_wrong_the_limit_and_what_to_do(
    code: str, is_retryable: bool, error: ImageServiceError, words: list[str]
) -> None:
    assert (error.code, error.retryable) == (code, is_retryable)
    for word in words:
        assert word in str(error)
    assert str(error).endswith(".")
    assert "/" not in str(error)
    assert type(error).__doc__


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: str(e)[:30])
def test_an_error_survives_pickling(error: ImageServiceError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (again.args, str(again), again.details()) == (error.args, str(error), error.details())


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: str(e)[:30])
def test_an_error_survives_namekos_wire(error: ImageServiceError) -> None:
    sent = wire.serialize(error)
    assert sent["value"] == str(error)
    with patch.dict(wire.registry, {sent["exc_path"]: type(error)}):
        again = wire.deserialize(sent)
    assert type(again) is type(error)
    assert (str(again), again.details()) == (str(error), error.details())


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: str(e)[:30])
def test_details_are_plain_json(error: ImageServiceError) -> None:
    for key, value in error.details().items():
        assert isinstance(key, str)
        assert value is None or isinstance(value, (str, int))
