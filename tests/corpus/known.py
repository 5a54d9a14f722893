"""What is known to be wrong: tests tell of everything else. Take a line out with its mending."""

from __future__ import annotations

KNOWN_DEFECTS: dict[str, str] = {
    "lie/PNG header of 64 × 49": "a PNG that lacks whole rows is accepted",
    "lie/PNG header of 64 × 4000": "a PNG that lacks whole rows is accepted",
}
"""What is wrong, by the name of the hostile file that shows it."""
