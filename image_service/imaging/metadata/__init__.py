"""What a picture's file tells besides its pixels. Nothing here decodes pixels or opens a file."""

from .describe import describe, warm_up

__all__ = ["describe", "warm_up"]
