"""Variants made ahead: those of some presets, for every picture that was uploaded."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence

from .domain.formats import Format
from .domain.image import Image
from .domain.transform_options import parse_options
from .errors import Busy, ImageServiceError
from .flights import Abandoned, Flights
from .sight import calls
from .variants import Variant, Variants

_log = logging.getLogger(__name__)

# What clients take: nothing new, or what today's browsers do.
_TAKEN: tuple[tuple[Format, ...], ...] = ((), (Format.WEBP,), (Format.AVIF, Format.WEBP))


class EagerVariants:
    """Makes variants in the same queue as those that clients wait for, and gives way to them."""

    def __init__(
        self,
        variants: Variants,
        flights: Flights[Variant | None],
        *,
        names: Sequence[str],
        presets: Mapping[str, str],
    ) -> None:
        """Args: names: of the presets that are made ahead."""
        self._variants = variants
        self._flights = flights
        self._transforms = [parse_options([f"pr:{name}"], presets).transform for name in names]

    def make(self, image: Image, spawn: Callable[[Callable[[], None]], object]) -> None:
        """Begin to make an image's variants. Args: spawn: starts a green thread."""
        if self._transforms:
            spawn(functools.partial(self._make_all, image, calls.current()))

    def _make_all(self, image: Image, cause: calls.Call | None) -> None:
        calls.enter(cause)
        try:
            for transform in self._transforms:
                for taken in _TAKEN:
                    wanted, variant = self._variants.find(image.id, transform, taken)
                    if variant:
                        variant.close()
                        continue
                    make = functools.partial(self._variants.make, wanted)
                    self._flights.share(wanted.key, make, lambda: True)
        except (Busy, Abandoned):
            _log.info("variants of %s are not made ahead: too many wait", image.id)
        except ImageServiceError as exc:
            _log.info("variants of %s cannot be made ahead: %s", image.id, exc)
        except Exception:  # noqa: BLE001 - an error in a managed thread ends the container
            _log.exception("variants of %s cannot be made ahead", image.id)
