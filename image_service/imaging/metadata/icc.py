"""The name of an embedded colour profile."""

from __future__ import annotations

import io

from PIL import ImageCms

from .values import clean_text

_MAX_PROFILE_BYTES = 4 * 1024 * 1024


def profile_name(profile: object) -> str | None:
    """Return the description in an ICC profile, as "Display P3"; None if it is no good one."""
    if not isinstance(profile, bytes) or not 0 < len(profile) <= _MAX_PROFILE_BYTES:
        return None
    opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return clean_text(opened.profile.profile_description or "")
