"""The limits a picture is held to, as the service tells its workers."""

from __future__ import annotations

from dataclasses import dataclass, fields

GC_THRESHOLDS = (10_000, 20, 50)
"""How many new objects a collection of garbage takes, by generation; Python's own: 700, 10, 10."""


@dataclass(frozen=True)
class Limits:
    """Sizes in pixels, counts, bytes, seconds. Names are the settings that errors tell of."""

    max_pixels: int = 50_000_000
    max_side_px: int = 16_384
    max_frames: int = 500
    max_frames_pixels: int = 250_000_000
    max_jpeg_scans: int = 64
    max_jpeg_scans_pixels: int = 500_000_000
    max_icc_bytes: int = 4 * 1024 * 1024
    max_text_bytes: int = 256 * 1024
    worker_memory_bytes: int = 1024 * 1024 * 1024
    worker_cpu_s: float = 3.5
    max_message_bytes: int = 16 * 1024 * 1024

    @classmethod
    def of(cls, settings: object) -> Limits:
        """Return those among settings, which have them by the same names."""
        return cls(**{spec.name: getattr(settings, spec.name) for spec in fields(cls)})
