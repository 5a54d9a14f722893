"""The typed client: `ImageClient` for scripts, `Images` for Nameko services.

    with ImageClient("pyamqp://guest:guest@localhost") as images:
        print(images.upload("photo.jpg", tags=["holiday"]).url)

Importing it costs nothing; Nameko comes with the first call, or with `Images`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .api import ImageApi
from .caller import Caller
from .errors import (
    BrokerRefused,
    CallRefused,
    CallTimedOut,
    ServiceNotRunning,
    ServiceUnreachable,
    SourceUnreadable,
    error_from,
)
from .results import (
    Check,
    Deletion,
    Download,
    FormatTotals,
    Health,
    Image,
    ImageDetails,
    ImagePage,
    OwnerInfo,
    SimilarImage,
    StorageInfo,
    UploadedImage,
)
from .standalone import ImageClient

if TYPE_CHECKING:
    from .provider import Images

__all__ = [
    "BrokerRefused",
    "CallRefused",
    "CallTimedOut",
    "Caller",
    "Check",
    "Deletion",
    "Download",
    "FormatTotals",
    "Health",
    "Image",
    "ImageApi",
    "ImageClient",
    "ImageDetails",
    "ImagePage",
    "Images",
    "OwnerInfo",
    "ServiceNotRunning",
    "ServiceUnreachable",
    "SimilarImage",
    "SourceUnreadable",
    "StorageInfo",
    "UploadedImage",
    "error_from",
]


def __getattr__(name: str) -> Any:
    """Import Nameko only for those who write services with it."""
    if name == "Images":
        from .provider import Images

        return Images
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
