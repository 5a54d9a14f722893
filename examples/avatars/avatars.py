"""A Nameko service that keeps its users' avatars in image_service.

nameko run --config config.yaml avatars
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from nameko.rpc import rpc

from image_service.client import Image, Images
from image_service.errors import ImageServiceError

SIZES_PX = (32, 64, 256)


def answers_errors(method: Callable[..., Any]) -> Callable[..., Any]:
    """Answer what image_service refuses as a dict: its code for programs, its words for people."""

    @wraps(method)
    def answering(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except ImageServiceError as exc:
            return {"error": exc.code, "message": str(exc)}

    return answering


class AvatarService:
    """One avatar for each user, whatever picture they send."""

    name = "avatars"

    images = Images(timeout_s=20)

    @rpc
    @answers_errors
    def set_avatar(self, user_id: str, picture: bytes) -> dict[str, Any]:
        """Take a new avatar; the one before goes once the new one is safe."""
        image = self.images.upload(picture, "avatar", tags=["avatar", _tag(user_id)])
        for old in self._of(user_id):
            if old.id != image.id:
                self.images.delete(old.id)
        return self._told(image)

    @rpc
    @answers_errors
    def get_avatar(self, user_id: str) -> dict[str, Any] | None:
        """Answer where a user's avatar is, in every size; None without one."""
        newest = next(iter(self._of(user_id)), None)
        return newest and self._told(newest)

    @rpc
    @answers_errors
    def remove_avatar(self, user_id: str) -> int:
        """Delete a user's avatar; answer how many pictures went."""
        return len([self.images.delete(image.id) for image in self._of(user_id)])

    def _of(self, user_id: str) -> list[Image]:
        return list(self.images.iterate(tag=_tag(user_id)))

    def _told(self, image: Image) -> dict[str, Any]:
        urls = {f"{px}": self.images.url(image.id, f"rs:fill:{px}:{px}:1/g:sm") for px in SIZES_PX}
        return {"imageId": image.id, "preview": image.thumbhash, "urls": urls}


def _tag(user_id: str) -> str:
    return f"avatar:{user_id}"
