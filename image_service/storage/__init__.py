"""Where originals are kept."""

from .lease import Lease, LeaseBook
from .local import LocalStore

__all__ = ["Lease", "LeaseBook", "LocalStore"]
