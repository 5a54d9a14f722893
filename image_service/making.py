"""Variants made in a bounded queue, once for all who ask for them meanwhile."""

from __future__ import annotations

import functools
from collections.abc import Callable

from .errors import Busy
from .flights import Flights
from .variants import Variant, Variants, Wanted


def make_shared(
    variants: Variants,
    flights: Flights[Variant | None],
    wanted: Wanted,
    find: Callable[[], tuple[Wanted, Variant | None]],
    is_wanted: Callable[[], bool] = lambda: True,
) -> tuple[Wanted, Variant]:
    """Return a variant that was not kept, made for this client or for others before it.

    Args:
        find: finds it once it is made, as variants.find() does.
        is_wanted: tells, before it is made, whether the client still waits.
    Raises: Busy; Abandoned; whatever making or finding it raises.
    """
    made = flights.share(wanted.key, functools.partial(variants.make, wanted), is_wanted)
    if made is None:
        wanted, made = find()
    if made is None:
        raise Busy("the picture was made, and room was needed for others at once")
    return wanted, made
