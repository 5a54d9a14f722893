"""Where originals and variants are kept."""

from .host import HostLock
from .lease import Lease, LeaseBook
from .local import LocalStore
from .turn import BothTurns, FileTurn
from .variants import LocalVariants

__all__ = ["BothTurns", "FileTurn", "HostLock", "Lease", "LeaseBook", "LocalStore", "LocalVariants"]
