"""Where a process stands among those that serve together on one machine, and what is its share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .settings import Settings, core_count

PLACE_KEY = "image_service_place"
"""Under which Nameko's configuration carries a Place: no key of config.yaml."""

# What is of the machine: everything that is worked on at once, or waits for that.
_FOR_PICTURES = {"image_workers": "image_worker_count", "render_workers": "render_worker_count"}
_FOR_ALL = ("worker_queue", "render_queue", "http_max_connections")


def is_spare(number: int) -> bool:
    """Tell whether there is a process for each core without this one.

    It gets what those cannot take. Args: number: of the process, from 0.
    """
    return number >= core_count()


def _picture_processes() -> int:
    """Return how many processes keep all cores at work with pictures: one for every two.

    Of an upload 0.4 to 0.7 is done by image workers, side by side, and the broker has its part.
    """
    return -(-core_count() // 2)


@dataclass(frozen=True)
class Place:
    """One of the processes below a supervisor, or a process alone.

    number: from 0, of so many. letter: tells it from the process that it replaces, which has the
    same number. folder: where all of them keep their numbers, "" for a process alone.
    listen_fd: the socket that all of them listen on, -1 for one of its own.
    """

    number: int = 0
    of: int = 1
    letter: str = "a"
    folder: str = ""
    listen_fd: int = -1

    @property
    def is_alone(self) -> bool:
        """Whether no supervisor started it."""
        return not self.folder

    @property
    def is_spare(self) -> bool:
        """See is_spare."""
        return is_spare(self.number)

    @property
    def is_spare_for_pictures(self) -> bool:
        """Whether the cores are at work without it where calls carry pictures."""
        return self.number >= _picture_processes()

    @property
    def name(self) -> str:
        """What no other living process below the supervisor is called."""
        return f"{self.number + 1}{self.letter}"

    @property
    def log_name(self) -> str:
        """How log lines name it, "" for a process alone."""
        return "" if self.is_alone else str(self.number + 1)

    def share_of(self, settings: Settings) -> Settings:
        """Return the settings with this process's part of what is of the machine, at least 1.

        Image workers are divided among the processes that pictures come to first; others have 1.
        """
        if self.of == 1:
            return settings
        first, cored = min(self.of, _picture_processes()), min(self.of, core_count())
        parts = {
            key: self._part(getattr(settings, name), first) for key, name in _FOR_PICTURES.items()
        } | {key: self._part(getattr(settings, key), self.of) for key in _FOR_ALL}
        # The first can take all that is asked at once; what comes to others finds room there, too.
        among = cored if self.is_spare_for_pictures else first
        parts["upload_concurrency"] = self._part(settings.upload_concurrency, among)
        return settings.model_copy(update=parts)

    def _part(self, total: int, of: int) -> int:
        if self.number >= of:
            return min(total, 1)
        share, over = divmod(total, of)
        return max(min(total, 1), share + (self.number < over))


ALONE = Place()


def place_in(config: dict[str, Any]) -> Place:
    """Take the place out of Nameko's configuration."""
    place: Place = config.pop(PLACE_KEY, ALONE)
    return place
