"""Addresses of object storage: s3://bucket/prefix, and the same with gs and az."""

from __future__ import annotations

import re
from dataclasses import dataclass

S3, GOOGLE, AZURE = "s3", "gs", "az"
"""What speaks S3's language; Google's and Azure's own, where a bucket is called a container."""

_SCHEMES = (S3, GOOGLE, AZURE)
_URL = re.compile(
    rf"(?P<scheme>{'|'.join(_SCHEMES)})://"
    r"(?P<bucket>[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9])(?:/(?P<prefix>[A-Za-z0-9/_.-]*))?"
)


@dataclass(frozen=True)
class BucketUrl:
    """A bucket, and what all keys in it begin with: "" or a path without slashes at its ends."""

    bucket: str
    prefix: str = ""
    scheme: str = S3

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @classmethod
    def parse(cls, text: str) -> BucketUrl:
        """Return what a text names. Raises: ValueError."""
        match = _URL.fullmatch(text.strip())
        prefix = (match["prefix"] or "").strip("/") if match else ""
        parts = prefix.split("/") if prefix else []
        if match is None or any(part in ("", ".", "..") for part in parts):
            raise ValueError(
                "must look like s3://bucket or s3://bucket/prefix, of letters, digits, . _ - and "
                "/; gs:// for Google's, az:// for Azure's"
            )
        return cls(match["bucket"], prefix, match["scheme"])


def is_bucket_url(text: str) -> bool:
    """Tell whether a text means object storage rather than a path."""
    return text.strip().startswith(tuple(f"{scheme}://" for scheme in _SCHEMES))
