"""What object storage answers, as our errors: what is wrong and what to do, never who asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tenacity

from ...errors import StorageFull, StorageUnavailable
from ...native import time

_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507 ")
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.05, 2.0
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")
# The first that is in an answer tells; what the library says of it may name the endpoint.
_CODES = (
    ("169.254.", "there are no credentials for the object storage"),
    ("Account must be specified", "no account is named: set AZURE_STORAGE_ACCOUNT_NAME"),
    ("NoSuchBucket", "there is no such bucket: make it, or correct the setting that names it"),
    ("ContainerNotFound", "there is no such container: make it, or correct what names it"),
    ("AuthorizationFailure", "the object storage refuses the account's key, or its rights"),
    ("AuthenticationFailed", "the object storage refuses the account's key"),
    ("InvalidAccessKey {", "the account key is not one: check AZURE_STORAGE_ACCOUNT_KEY"),
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
    ("SlowDown", "the object storage is overloaded"),
    ("503 Service", "the object storage is overloaded or down"),
    ("500 Internal", "the object storage failed"),
    ("certificate", "the object storage's certificate is not trusted: set s3_ca_path"),
)
_UNANSWERED = (
    ("timed out", "the object storage does not answer in time"),
    ("TimedOut", "the object storage does not answer in time"),
    ("error sending request", "the object storage cannot be reached: check s3_endpoint_url"),
    ("HTTP error", "the connection to the object storage broke"),
)


class AlreadyThere(Exception):
    """Raised where a new object's key is another's already."""


class Unanswered(StorageUnavailable):
    """Raised where no answer came, or not all of one: whether it was done is not known."""


def patiently(timeout_s: float, forget: Callable[[], None] = lambda: None) -> Any:
    """Return what tries a function again while it raises Unanswered, for so long.

    Args: forget: called before each further try.
    """
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Unanswered),
        stop=tenacity.stop_after_delay(timeout_s),
        wait=tenacity.wait_exponential(_FIRST_PAUSE_S, _LAST_PAUSE_S),
        before_sleep=lambda _: forget(),
        sleep=time.sleep,
        reraise=True,
    )


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
        if any(code in str(exc) for code in _NO_BUCKET):
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
    for sign, what in _UNANSWERED:
        if sign in text:
            return Unanswered(what)
    return StorageUnavailable("the object storage failed")
