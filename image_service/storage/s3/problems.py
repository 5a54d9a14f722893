"""What object storage answers, as our errors: what is wrong and what to do, never who asked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ...errors import StorageFull, StorageUnavailable

_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507 ")
# The first that is in an answer tells; what the library says of it may name the endpoint.
_CODES = (
    ("NoSuchBucket", "there is no such bucket: make it, or correct the setting that names it"),
    ("SignatureDoesNotMatch", "the object storage refuses the secret key"),
    ("InvalidAccessKeyId", "the object storage does not know the access key"),
    ("RequestTimeTooSkewed", "the object storage refuses this machine's clock: set it right"),
    ("ExpiredToken", "the credentials for the object storage have expired"),
    ("InvalidToken", "the object storage refuses the session token"),
    ("PermanentRedirect", "the bucket is in another region: set s3_region"),
    ("AuthorizationHeaderMalformed", "the bucket is in another region: set s3_region"),
    ("AccessDenied", "the credentials may not do this: see the bucket's policy"),
    ("403 Forbidden", "the object storage refuses the credentials"),
    ("BadDigest", "the object storage received other bytes than were sent"),
    ("XAmzContentChecksumMismatch", "the object storage received other bytes than were sent"),
    ("XAmzContentSHA256Mismatch", "the object storage received other bytes than were sent"),
    ("169.254.", "there are no credentials for the object storage"),
    ("SlowDown", "the object storage is overloaded"),
    ("503 Service", "the object storage is overloaded or down"),
    ("500 Internal", "the object storage failed"),
    ("certificate", "the object storage's certificate is not trusted: set s3_ca_path"),
    ("timed out", "the object storage does not answer in time"),
    ("TimedOut", "the object storage does not answer in time"),
    ("error sending request", "the object storage cannot be reached: check s3_endpoint_url"),
    ("HTTP error", "the connection to the object storage broke"),
)


class AlreadyThere(Exception):
    """Raised where a new object's key is another's already."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the library's errors into ours.

    Raises: FileNotFoundError where a key is nobody's; AlreadyThere; StorageFull;
        StorageUnavailable.
    """
    from obstore import exceptions

    try:
        yield
    except exceptions.AlreadyExistsError:
        raise AlreadyThere from None
    except FileNotFoundError as exc:
        if "NoSuchBucket" in str(exc):
            raise _problem(str(exc)) from None
        raise FileNotFoundError("there is no such object") from None
    # What is no key of its own making it tells as a ValueError; the system's errors as they are.
    except (exceptions.BaseError, ValueError, OSError) as exc:
        raise _problem(str(exc)) from None


def _problem(text: str) -> StorageFull | StorageUnavailable:
    if any(code in text for code in _FULL):
        return StorageFull()
    for code, what in _CODES:
        if code in text:
            return StorageUnavailable(what)
    return StorageUnavailable("the object storage failed")
