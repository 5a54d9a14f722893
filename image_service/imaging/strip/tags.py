"""Taking tags out of a TIFF structure in place: which ones, and all that they point at.

Sources: TIFF 6.0; EXIF 2.32, 4.6; GeoTIFF 1.1; GDAL's and Adobe's registered tags.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from . import iptc, xmp
from .ifd import Directory, Entry, Structure
from .parts import CannotStrip, Range, blank, merged, refuse_overlaps

EXIF, GPS, _INTEROPERABILITY, _SUB_IFDS = 34665, 34853, 40965, 330
MAKER_NOTE, ORIENTATION = 37500, 274
_MAKER_NOTES = frozenset((MAKER_NOTE, 50740))
_POINTERS = frozenset((EXIF, GPS, _INTEROPERABILITY, _SUB_IFDS))
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377
_DATA = ((273, 279), (324, 325), (513, 514), (288, 289))  # offsets, sizes
_MAX_DEPTH = 4

LOCATION: dict[int, str] = {
    **dict.fromkeys((GPS, 33550, 33922, 34264, 34735, 34736, 34737), "gps"),
    **dict.fromkeys((42112, 42113), "other"),  # GDAL's own XML: nobody can tell what it holds
}
"""Tags that tell where a picture was taken, and the word for each."""

ALL: dict[int, str] = {
    # EXIF's own range, wherever its tags stand; but not LogLuv's scale of brightness.
    **dict.fromkeys((33434, 33437, *range(34850, 34860), *range(36864, 42240)), "exif"),
    **dict.fromkeys((269, 270, 271, 272, 285, 305, 306, 315, 316, 32781, 33432), "text"),
    **dict.fromkeys((*range(40091, 40096), 50708, 50709, 50735, 50827, 50828), "text"),
    **dict.fromkeys(_MAKER_NOTES, "makernote"),
    **dict.fromkeys((_IPTC, _PHOTOSHOP), "iptc"),
    37724: "other",
    _XMP: "xmp",
    EXIF: "exif",
    **LOCATION,
}
"""Tags that do not take part in showing a picture, and the word for each."""
del ALL[37439]


@dataclass(frozen=True)
class Rules:
    """What to take out of a structure.

    dropped: tags with the word for each. blanking: also blank maker notes, and places within XMP
    and IPTC. strict: a value that reaches beyond the end is damage, as readers stop at it.
    """

    dropped: dict[int, str]
    blanking: bool
    strict: bool


@dataclass
class _Plan:
    """What is to change in a structure: made first, checked, then carried out at once."""

    words: set[str] = field(default_factory=set)
    tables: list[tuple[Directory, frozenset[int]]] = field(default_factory=list)
    blanks: list[Range] = field(default_factory=list)
    notes: list[Range] = field(default_factory=list)
    nested: list[tuple[Range, Callable[[bytearray], set[str]]]] = field(default_factory=list)
    kept: list[Range] = field(default_factory=list)


def remove(buffer: bytearray, rules: Rules) -> set[str]:
    """Take tags and their values out of all directories; return the words for what was there.

    Lengths and offsets stay. Raises: CannotStrip, with the buffer as it was.
    """
    structure = Structure(buffer)
    plan = _Plan(kept=[structure.header])
    seen: set[int] = set()
    for directory in structure.chain():
        if directory.table[0] not in seen:
            _plan(structure, directory, rules, plan, seen, 0)
    _check(plan)
    return _carry_out(structure, buffer, plan)


def _plan(
    structure: Structure,
    directory: Directory,
    rules: Rules,
    plan: _Plan,
    seen: set[int],
    depth: int,
) -> None:
    """Add to the plan what is to change in a directory and in those below it."""
    seen.add(directory.table[0])
    dropped = frozenset(entry.tag for entry in directory.entries) & rules.dropped.keys()
    plan.tables.append((directory, dropped))
    for entry in directory.entries:
        if entry.tag in dropped:
            if rules.strict and not entry.whole:
                raise CannotStrip("a tag's value is cut off")
            _plan_drop(structure, entry, plan, depth)
            plan.words.add(rules.dropped[entry.tag])
        elif rules.blanking and entry.tag in _MAKER_NOTES:
            plan.notes.append(entry.value)
        elif rules.blanking and entry.tag in _NESTED and not entry.inline:
            plan.nested.append((entry.value, _NESTED[entry.tag]))
        elif not entry.inline:
            plan.kept.append(entry.value)
        if entry.tag in _POINTERS - dropped:
            for at in structure.numbers(entry):
                if at in seen or not 0 < at < len(structure.data) or depth >= _MAX_DEPTH:
                    continue
                below = structure.directory(at)
                _plan(structure, below, rules, plan, seen, depth + 1)
    plan.kept += _data(structure, directory)


def _plan_drop(structure: Structure, entry: Entry, plan: _Plan, depth: int) -> None:
    """Add to the plan that a value goes, and with a pointer the directory it points at."""
    if not entry.inline:
        plan.blanks.append(entry.value)
    if entry.tag not in _POINTERS or depth >= _MAX_DEPTH:
        return
    for at in structure.numbers(entry):
        if 0 < at < len(structure.data):
            below = structure.directory(at)
            plan.blanks.append(below.table)
            for each in below.entries:
                if each.tag in _MAKER_NOTES:
                    plan.words.add("makernote")
                if each.tag == GPS:
                    plan.words.add("gps")
                _plan_drop(structure, each, plan, depth + 1)


def _data(structure: Structure, directory: Directory) -> list[Range]:
    """Return where a directory's pixels lie; sizes that are missing reach to the file's end."""
    values = {entry.tag: entry for entry in directory.entries}
    ranges: list[Range] = []
    for offsets, sizes in _DATA:
        if offsets in values:
            starts = structure.numbers(values[offsets])
            lengths = structure.numbers(values[sizes]) if sizes in values else ()
            lengths += (len(structure.data),) * (len(starts) - len(lengths))
            ranges += [
                (start, start + length) for start, length in zip(starts, lengths, strict=False)
            ]
    return ranges


def _check(plan: _Plan) -> None:
    """Raise CannotStrip when carrying out the plan would change what is to stay."""
    tables = sorted(directory.table for directory, _ in plan.tables)
    for (_, end), (start, _) in itertools.pairwise(tables):
        if start < end:
            raise CannotStrip("its directories overlap")
    nested = [value for value, _ in plan.nested]
    if sum(end - start for start, end in nested) > sum(
        end - start for start, end in merged(nested)
    ):
        raise CannotStrip("its XMP or IPTC blocks overlap")
    refuse_overlaps(plan.blanks + plan.notes, nested)
    refuse_overlaps(plan.blanks + plan.notes + nested, plan.kept + tables)
    edited = [directory.table for directory, dropped in plan.tables if dropped]
    refuse_overlaps(edited, plan.kept)


def _carry_out(structure: Structure, buffer: bytearray, plan: _Plan) -> set[str]:
    words = set(plan.words)
    edits = [(d.table, structure.without(d, dropped)) for d, dropped in plan.tables if dropped]
    for (start, end), handler in plan.nested:
        piece = buffer[start:end]
        words |= handler(piece)
        buffer[start:end] = piece
    for (start, end), table in edits:
        buffer[start:end] = table
    for start, end in merged(plan.notes):
        if blank(buffer, start, end):
            words.add("makernote")
    for start, end in merged(plan.blanks):
        blank(buffer, start, end)
    return words


def _blank_exif(block: bytearray) -> set[str]:
    return {"exif"} if blank(block, 0, len(block)) else set()


def _blank_photoshop(data: bytearray) -> set[str]:
    # EXIF in Photoshop's resources in EXIF in ...: no further.
    return iptc.blank_resources(data, _blank_exif)


_NESTED = {_XMP: xmp.blank_location, _IPTC: iptc.blank_datasets, _PHOTOSHOP: _blank_photoshop}
