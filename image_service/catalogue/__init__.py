"""What is known of each image, in SQL."""

from .sql import SqlCatalogue

__all__ = ["SqlCatalogue"]
