"""Killed at each call that changes a file: one truth is found afterwards, and nothing is left over.

strace ends the process as `kill -9` would, at the n-th call of a kind. All of them in `make soak`;
in `make test` some, others each time.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.image import Image
from image_service.domain.listing import ListQuery
from image_service.testing import png
from scripts.paths import ROOT
from tests.e2e.shop import Shop
from tests.e2e.tracing import needs_strace
from tests.engines import DEFAULT, Engines

WORKS = {
    "upload": "shop.manager.add(png(seed=99), 'new.png', tags=['t'])",
    "trash": "shop.manager.remove(living)",
    "restore": "shop.manager.restore(trashed)",
    "delete": "shop.manager.remove(living, permanent=True)",
    "purge": "shop.manager.remove(trashed, permanent=True)",
    "backup": "code = shop.run('backup', target, '--config', str(shop.config))[0]; assert not code",
    "archive": "code = shop.run('archive', '--tag', 'old', '--config', str(shop.config))[0]; "
    "assert not code",
    "unarchive": "code = shop.run('unarchive', '--all', '--config', str(shop.config))[0]; "
    "assert not code",
    "delete archived": "shop.manager.remove(archived, permanent=True)",
}
CALLS = (
    "write", "pwrite64", "fsetxattr", "fsync", "fdatasync", "rename", "unlink", "mkdir", "sync",
    "symlink",
)  # fmt: skip
PROGRAM = """
import sys
from pathlib import Path
from image_service.testing import png
from tests.e2e.shop import Shop
folder, living, trashed, archived, target = sys.argv[1:]
shop = Shop(Path(folder))
{work}
print("done", flush=True)
"""


class Place:
    """A store with an image, one in the trash and one in the archive, as before each kill."""

    CALLS: Sequence[str] = CALLS
    SOME: Sequence[tuple[str, int]] = [
        ("rename", 3), ("rename", 4), ("fdatasync", 1), ("fdatasync", 2),
    ]  # fmt: skip

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shop = Shop(folder / "before")
        self._fill(shop)
        shop.catalogues.stop()

    def _fill(self, shop: Any) -> None:
        living, trashed, archived = (
            shop.manager.add(png(seed=n), f"{n}.png", tags=["old"]) for n in range(3)
        )
        shop.manager.remove(trashed.id)
        assert shop.store.put_away(archived.blob_name, archived.sha256)
        self.living, self.trashed, self.archived = living.id, trashed.id, archived.id
        self.bytes = {image.id: png(seed=n) for n, image in enumerate((living, trashed, archived))}

    def calls(self, work: str, call: str) -> range:
        """Return the numbers of the calls of this kind that the work itself makes."""
        first, last = (self._count(each, call) for each in ("pass", WORKS[work]))
        return range(first + 1, last + 1)

    def _count(self, work: str, call: str) -> int:
        log = self._folder / "log"
        _, ended = self.run(PROGRAM, work, ["-o", str(log), "-e", f"trace={call}"])
        assert "done" in ended, work
        return sum(f" {call}(" in line for line in log.read_text().splitlines())

    def kill(self, work: str, call: str, number: int) -> tuple[Path, bool]:
        """Do the work in a process that is killed; return its folder, and whether it ended."""
        inject = f"inject={call}:signal=KILL:when={number}"
        folder, printed = self.run(PROGRAM, WORKS[work], ["-o", "/dev/null", "-e", inject])
        return folder, "done" in printed

    def run(self, program: str, work: str, options: list[str]) -> tuple[Path, str]:
        """Run a program that does a work, traced; return its folder and what it printed."""
        folder = self._folder / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._folder / "before", folder, symlinks=True)
        Shop.write_config(folder)
        arguments = [str(folder), self.living, self.trashed, self.archived]
        arguments.append(str(folder / "backups"))
        words = [
            "strace",
            "-f",
            "-qq",
            "--seccomp-bpf",
            *options,
            sys.executable,
            "-c",
            program.format(work=work),
            *arguments,
        ]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        return folder, ended.stdout

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[Any]:
        """Open a store that a process was killed at, swept."""
        shop = Shop(folder)
        try:
            shop.manager.sweep()
            yield shop
        finally:
            shop.catalogues.stop()

    def check(self, folder: Path, work: str, is_done: bool) -> None:
        """See that there is one truth."""
        with self.opened(folder) as shop:
            living = {image.id: image for image in shop.manager.page(ListQuery()).images}
            trash = {i.id: i for i in shop.manager.page(ListQuery(trashed=True)).images}
            assert not living.keys() & trash.keys()
            for image in (*living.values(), *trash.values()):
                with shop.store.open(image.blob_name) as file:
                    data = file.read()
                assert data == self.bytes.get(image.id, png(seed=99))
            names = {image.blob_name for image in (*living.values(), *trash.values())}
            assert set(shop.store.names()) == names
            self.check_places(shop, living, trash)
            assert shop.verify()[0] == 0
            self._check_outcome(work, is_done, set(living), set(trash))
            target = str(folder / "backups")
            assert shop.run("backup", target, "--config", str(shop.config))[0] == 0
            assert shop.run("backup", "verify", target)[0] == 0

    def check_places(
        self, shop: Any, living: Mapping[str, Image], trash: Mapping[str, Image]
    ) -> None:
        """See that everything is where it belongs, and nothing else is there."""
        for image in (*living.values(), *trash.values()):
            assert os.path.lexists(shop.uploads / image.blob_name) is (image.id in living)
        assert list((shop.uploads / ".tmp").iterdir()) == []
        links = {path.readlink().name for path in shop.uploads.rglob("*") if path.is_symlink()}
        assert {path.name for path in shop.archive.rglob("img_*")} == links

    def _check_outcome(self, work: str, is_done: bool, living: set[str], trash: set[str]) -> None:
        both = {self.living, self.archived}
        before, after = (both, {self.trashed}), {
            "upload": (living if len(living) == 3 else set(), {self.trashed}),
            "trash": ({self.archived}, {self.living, self.trashed}),
            "restore": ({*both, self.trashed}, set()),
            "delete": ({self.archived}, {self.trashed}),
            "purge": (both, set()),
            "delete archived": ({self.living}, {self.trashed}),
        }.get(work, (both, {self.trashed}))  # fmt: skip
        found = (living, trash)
        assert found == after if is_done else found in (before, after)


@pytest.fixture
def place(
    engines: Engines, new_store: Callable[[], dict[str, Any]], tmp_path: Path, request: Any
) -> Place:
    needs_strace()
    if engines == DEFAULT:
        return Place(tmp_path)
    from tests.e2e.shared_place import SharedPlace

    return SharedPlace(tmp_path, request.getfixturevalue("postgres_server"), new_store())


def test_a_kill_leaves_one_truth(place: Place) -> None:
    seed = int(os.environ.get("IMAGE_SERVICE_CRASH_SEED") or random.randrange(1 << 32))
    chance = random.Random(seed)
    work = chance.choice(sorted(WORKS))
    # Not counted first, which takes as long: some come in the start, some behind the end.
    call, number = chance.choice(place.SOME)
    folder, is_done = place.kill(work, call, number)
    place.check(folder, work, is_done)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("work", sorted(WORKS))
def test_every_kill_leaves_one_truth(place: Place, work: str) -> None:
    kills: Counter[str] = Counter()
    for call in place.CALLS:
        for number in place.calls(work, call):
            folder, is_done = place.kill(work, call, number)
            place.check(folder, work, is_done)
            kills[call] += not is_done
    print(work, dict(kills))
    assert kills.total() > 5
