"""Originals on another, slower disk: a link in the place of each, and back again when it is read.

{archive}/{2 characters}/{imageId}-{token}.{ext}    the bytes; no two moves ever share a name
{root}/{imageId}.{ext}                              a symbolic link to them

A link is renamed, shelved, put into quarantine as a file is. Beside one under way stands a mark in
.tmp under its process's lease, `{lease}~{name}.cold-{token}`, a link to the bytes: whatever instant
the process dies at, a sweep removes those that no original's link leads to.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from ..domain.image import image_id_of
from ..errors import StorageUnavailable
from .directory import sync_directory
from .files import write_all
from .label import copy_label

_CHUNK_BYTES = 1024 * 1024
# The same in both: they belong together.
_SIGN, _OWN_SIGN = ".image_service", ".archive"
_COLD = re.compile(r"(?P<id>img_[0-9]{13}_[a-z0-9]{1,32})-[0-9a-f]{8}\.(?P<extension>[a-z]{3,5})")
_UNDER_WAY = re.compile(r"(?P<name>[^~]+)\.(?P<way>cold|warm)-[0-9a-f]{8}")


class Moved(Exception):
    """Raised where a blob is no longer where it was: it was deleted, say."""


class Archive:
    """The archive of a local store, which may have none, or not be mounted."""

    def __init__(self, folder: Path | None, *, places: Collection[Path], under_way: Path) -> None:
        """Args: places: the folders that originals or links to them stand in, the first for good.

        under_way: where moves leave their marks.
        """
        self._folder = folder
        self._places = tuple(places)
        self._under_way = under_way

    def target_of(self, path: Path) -> Path | None:
        """Return where the bytes of an original are, None if they are in no archive.

        Found by their name below the folder, so that it may be mounted elsewhere; without one
        where the link leads.
        """
        try:
            link = path.readlink()
        except OSError:  # it is a file, or nothing
            return None
        match = _COLD.fullmatch(link.name)
        if match is None:
            return None
        folder = self._folder or link.parent.parent
        return folder / _folder_of(match["id"]) / link.name

    def located(self, path: Path) -> Path:
        """Return where to read an original whose path is a link.

        Raises: StorageUnavailable when that is in an archive which is not there.
        """
        target = self.target_of(path)
        if target is None:
            return path
        _check(target)
        return target

    def unlink(self, path: Path) -> None:
        """Remove an original for good, its bytes first. One that is not there is no error.

        Raises: OSError; StorageUnavailable where they are in an archive that is not there.
        """
        target = self.target_of(path)
        if target:
            _check(target)
            target.unlink(missing_ok=True)
        path.unlink(missing_ok=True)

    def drop(self, path: Path) -> None:
        """Remove an original for good; where its archive is not there its link alone.

        What then is left in the archive tidy() finds. Raises: OSError.
        """
        try:
            self.unlink(path)
        except StorageUnavailable:
            path.unlink(missing_ok=True)

    def put_away(self, name: str, sha256: bytes, prefix: str, took: Callable[[int], None]) -> bool:
        """Move an original into the archive.

        Args:
            sha256: what it must be, or it stays where it is.
            prefix: what this process's names in .tmp begin with; took: is told of bytes copied.
        Returns: whether it was what it must be.
        Raises: Moved when it is not where it was, or there already; OSError.
        """
        if self._folder is None:
            raise StorageUnavailable("archive_dir is not set")
        final = self._places[0] / name
        if final.is_symlink():
            raise Moved
        self._prepare()
        image_id, _, extension = name.partition(".")
        token = secrets.token_hex(4)
        target = self._folder / _folder_of(image_id) / f"{image_id}-{token}.{extension}"
        mark = self._under_way / f"{prefix}{name}.cold-{token}"
        mark.symlink_to(target)
        try:
            sync_directory(self._under_way)
            target.parent.mkdir(exist_ok=True)
            if _copied(final, target, took) != sha256:
                return False
            sync_directory(target.parent)
            sync_directory(self._folder)
            with self._hidden(name, prefix) as hidden:
                if hidden.is_symlink():  # somebody else was first
                    raise Moved
                mark.rename(hidden)
            return True
        finally:
            # As the disk has it: whatever is raised, and when, the link may be in place.
            if mark.is_symlink():
                target.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)

    def bring_back(self, name: str, sha256: bytes, prefix: str) -> None:
        """Move an original out of the archive; one that is not in it, or damaged, stays.

        Raises: Moved when it was deleted or brought back meanwhile; OSError.
        """
        target = self.target_of(self._places[0] / name)
        if target is None:
            return
        warm = self._under_way / part_of(f"{prefix}{name}")
        mark = self._under_way / f"{prefix}{name}.cold-{secrets.token_hex(4)}"
        try:
            if _copied(target, warm, lambda _: None) != sha256:
                return
            mark.symlink_to(target)
            sync_directory(self._under_way)
            with self._hidden(name, prefix) as hidden:
                if self.target_of(hidden) != target:  # somebody else was first
                    raise Moved
                warm.rename(hidden)
        except BaseException:
            if warm.exists():
                mark.unlink(missing_ok=True)
            else:
                with contextlib.suppress(OSError):  # the mark stays, then, for a sweep
                    self._clear_mark(mark, name)
            raise
        finally:
            warm.unlink(missing_ok=True)
        target.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _hidden(self, name: str, prefix: str) -> Iterator[Path]:
        """Take what stands at a name's place to where sweeps put in order what is left; and back.

        It can be opened there. Raises: Moved.
        """
        final, hidden = self._places[0] / name, self._under_way / f"{prefix}{name}"
        try:
            final.rename(hidden)
        except FileNotFoundError as exc:
            raise Moved from exc
        try:
            yield hidden
        finally:
            hidden.rename(final)
            sync_directory(self._places[0])

    def clear(self, entries: Iterable[str], prefix: str) -> None:
        """Remove what moves of a process that died have left. Raises: OSError."""
        for entry in entries:
            match = _UNDER_WAY.fullmatch(entry.removeprefix(prefix))
            if not entry.startswith(prefix) or not match:
                continue
            path = self._under_way / entry
            if match["way"] == "warm":
                path.unlink(missing_ok=True)
            else:
                self._clear_mark(path, match["name"])

    def _clear_mark(self, mark: Path, name: str) -> None:
        """Remove a mark, and the bytes it leads to unless the original's link does, too."""
        target = self.target_of(mark)
        if target and not _is_mounted(target):
            return
        if target and not self._is_linked(name, target):
            target.unlink(missing_ok=True)
        mark.unlink(missing_ok=True)

    def tidy(self) -> int:
        """Remove what is in the archive and no link leads to; return how many files that were.

        Links that were removed while it was not there have left it. An archive that is not this
        store's is left alone. Raises: OSError.
        """
        if self._folder is None or not self._is_own(self._folder / _SIGN):
            return 0
        removed = 0
        for folder in self._folder.iterdir():
            for path in folder.glob("img_*") if folder.is_dir() else ():
                match = _COLD.fullmatch(path.name)
                if match and path.parent.name == _folder_of(match["id"]):
                    name = f"{match['id']}.{match['extension']}"
                    if not self._is_linked(name, path, with_marks=True):
                        path.unlink(missing_ok=True)
                        removed += 1
        return removed

    def _is_linked(self, name: str, target: Path, *, with_marks: bool = False) -> bool:
        """Tell whether an original's link leads to these bytes. It may move while that is asked."""

        def paths() -> list[Path]:
            under_way = [
                self._under_way / entry
                for entry in os.listdir(self._under_way)
                if entry.endswith(f"~{name}") or (with_marks and f"~{name}.cold-" in entry)
            ]
            return [place / name for place in self._places] + under_way

        return any(
            self.target_of(path) == target
            for looked_at in (paths(), reversed(paths()), paths())
            for path in looked_at
        )

    def _prepare(self) -> None:
        """Make the archive; never again, for a disk that is not mounted looks like a new one.

        Raises: StorageUnavailable.
        """
        assert self._folder
        own, sign = self._places[0] / _OWN_SIGN, self._folder / _SIGN
        if not own.exists() and not sign.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            token = secrets.token_hex(16)
            for path in (sign, own):
                path.write_text(token)
                sync_directory(path.parent)
        elif not sign.exists():
            raise StorageUnavailable("the archive is not there: mount it")
        elif not self._is_own(sign):
            raise StorageUnavailable("archive_dir holds the archive of another store")

    def _is_own(self, sign: Path) -> bool:
        """Tell whether an archive, by its sign, is this store's."""
        own = self._places[0] / _OWN_SIGN
        return own.exists() and sign.exists() and own.read_text() == sign.read_text()


def _is_mounted(target: Path) -> bool:
    """Tell whether the archive of these bytes is there."""
    return (target.parent.parent / _SIGN).exists()


def _check(target: Path) -> None:
    if not _is_mounted(target):
        raise StorageUnavailable("the archive is not there: mount it, and set archive_dir")


def _folder_of(image_id: str) -> str:
    return image_id[-2:]


def part_of(entry: str) -> str:
    """Return a name in .tmp for what is to have another one there once it is whole."""
    return f"{entry}.warm-{secrets.token_hex(4)}"


def is_under_way(name: str) -> bool:
    """Tell whether a name in .tmp, without its lease, is one that a move has left there."""
    match = _UNDER_WAY.fullmatch(name)
    return bool(match and image_id_of(match["name"]))


def _copied(source: Path, target: Path, took: Callable[[int], None]) -> bytes:
    """Copy a file, durably, with its label; return its SHA-256."""
    digest = hashlib.sha256()
    with source.open("rb") as old, target.open("xb", buffering=0) as new:
        while chunk := old.read(_CHUNK_BYTES):
            digest.update(chunk)
            write_all(new.fileno(), chunk)
            took(len(chunk))
        copy_label(old.fileno(), new.fileno())
        os.fsync(new.fileno())
    return digest.digest()
