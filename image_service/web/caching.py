"""Cache-Control: nobody may keep what a URL gives for longer than the URL is good for."""

from __future__ import annotations

_AGES = frozenset(("max-age", "s-maxage"))
# What lets caches keep something past its age.
_LASTING = frozenset(("immutable", "stale-while-revalidate", "stale-if-error"))


def at_most(cache_control: str, left_s: int) -> str:
    """Return a Cache-Control that ends with what a URL gives. Args: left_s: from now on."""
    kept, ages = [], []
    for directive in cache_control.split(","):
        name, _, value = directive.strip().partition("=")
        if name.lower() in _AGES:
            ages.append((name.lower(), min(int(value), left_s) if value.isdigit() else left_s))
        elif name.lower() not in _LASTING:
            kept.append(directive.strip())
    told = ages or [("max-age", left_s)]
    return ", ".join([*kept, *(f"{name}={seconds}" for name, seconds in told)])
