"""Where originals and variants are kept."""

from .lease import Lease, LeaseBook
from .local import LocalStore
from .variants import LocalVariants

__all__ = ["Lease", "LeaseBook", "LocalStore", "LocalVariants"]
