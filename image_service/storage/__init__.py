"""Where originals and variants are kept."""

from .host import HostLock
from .lease import Lease, LeaseBook
from .local import LocalStore
from .variants import LocalVariants

__all__ = ["HostLock", "Lease", "LeaseBook", "LocalStore", "LocalVariants"]
