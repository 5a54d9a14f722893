"""Addresses of object storage: s3://bucket/prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEME = "s3://"
_URL = re.compile(
    r"s3://(?P<bucket>[a-zA-Z0-9][a-zA-Z0-9.-]{1,61}[a-zA-Z0-9])(?:/(?P<prefix>[A-Za-z0-9/_.-]*))?"
)


@dataclass(frozen=True)
class BucketUrl:
    """A bucket, and what all keys in it begin with: "" or a path without slashes at its ends."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{_SCHEME}{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @classmethod
    def parse(cls, text: str) -> BucketUrl:
        """Return what a text names. Raises: ValueError."""
        match = _URL.fullmatch(text.strip())
        prefix = (match["prefix"] or "").strip("/") if match else ""
        parts = prefix.split("/") if prefix else []
        if match is None or any(part in ("", ".", "..") for part in parts):
            raise ValueError(
                "must look like s3://bucket or s3://bucket/prefix, of letters, digits, . _ - and /"
            )
        return cls(match["bucket"], prefix)


def is_bucket_url(text: str) -> bool:
    """Tell whether a text means object storage rather than a path."""
    return text.strip().startswith(_SCHEME)
