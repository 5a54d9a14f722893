"""The eight ways a picture can be turned and mirrored, numbered as EXIF's Orientation is."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """Width and height in px."""

    width: int
    height: int

    @property
    def swapped(self) -> Size:
        """The size of the picture lying on its side."""
        return Size(self.height, self.width)


class Box(NamedTuple):
    """A part of a picture: edges in px from its left and top, right and bottom exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


UPRIGHT = 1

# Where a point goes, x to the right and y down from the middle: (ax + by, cx + dy).
_MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, -1, 1, 0),
    7: (0, -1, -1, 0),
    8: (0, 1, -1, 0),
}
_NUMBERS = {matrix: number for number, matrix in _MATRICES.items()}
_CLOCKWISE = {0: 1, 90: 6, 180: 3, 270: 8}


def then(first: int, second: int) -> int:
    """Return the turn that does what first does, and second after it."""
    a, b, c, d = _MATRICES[second]
    e, f, g, h = _MATRICES[first]
    return _NUMBERS[a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]


def combined(
    orientation: int, *, clockwise: int, flip_horizontal: bool, flip_vertical: bool
) -> int:
    """Return the turn that makes a stored picture upright and then as it is asked for.

    Args: orientation: EXIF 1..8; clockwise: 0, 90, 180 or 270 degrees.
    """
    turn = then(orientation, _CLOCKWISE[clockwise])
    turn = then(turn, 2) if flip_horizontal else turn
    return then(turn, 4) if flip_vertical else turn


def turned_size(size: Size, turn: int) -> Size:
    """Return the size of a picture of this size after the turn."""
    return size.swapped if _MATRICES[turn][0] == 0 else size


def before_turn(box: Box, turn: int, size: Size) -> Box:
    """Return where a box of the turned picture is in the stored one, whose size is given."""
    a, b, c, d = _MATRICES[turn]
    turned = turned_size(size, turn)
    corners = ((box.left, box.top), (box.right, box.bottom))
    # The inverse of such a matrix is itself with rows and columns exchanged.
    found = [
        (
            a * (x - turned.width / 2) + c * (y - turned.height / 2) + size.width / 2,
            b * (x - turned.width / 2) + d * (y - turned.height / 2) + size.height / 2,
        )
        for x, y in corners
    ]
    xs, ys = zip(*found, strict=True)
    return Box(min(xs), min(ys), max(xs), max(ys))
