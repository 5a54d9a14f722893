"""Verification and backups of 10,000 images, beside sha256sum and cp.

python -m benchmarks.upkeep [--images N]      about 3 minutes

The store is filled without a service. Each round drops no caches: all read from memory, which is
where the programs differ. Nothing is removed before the end: ext4 is slow where much was.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import pictures
from benchmarks.disk import keep_apart
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread, rounds
from image_service.domain.blocks import digests_of
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.maintenance import BackupRun, Parts, RestoreRun, VerifyRun, backups_in, opened
from image_service.settings import Settings
from scripts.paths import RUN_DIR

VERIFY_BAR, BACKUP_BAR, SECOND_BAR = 0.8, 0.5, 0.05
_NOW_MS = 1_767_268_800_000


def fill(parts: Parts, count: int) -> None:
    """Store so many images of about 100 KB, all different."""
    chance = random.Random(1)
    data = [path.read_bytes() for path in pictures.drawn(pictures.SMALL)]
    facts = PictureFacts(Format.JPEG, pictures.SMALL.width_px, pictures.SMALL.height_px)
    for number in range(count):
        content = data[number % len(data)] + number.to_bytes(8, "big")
        image_id = make_image_id(_NOW_MS, chance.randbytes(24))
        name = f"{image_id}.jpg"
        digest = parts.store.put(name, content)
        parts.catalogue.put_back(
            Image(
                image_id, f"{number}.jpg", len(content), digest, _NOW_MS, facts,
                block_digests=digests_of(content),
            )
        )  # fmt: skip
        parts.store.settle(name)


def taken_s(work: Callable[[], object]) -> float:
    """Return how long work takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, and remove what is there in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    keep_apart(folder)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def exhaust(images: Iterator[object]) -> None:
    """Take all of them."""
    for _ in images:
        pass


def sha256sum(uploads: Path) -> None:
    """Have the program read the same files."""
    subprocess.run(
        "find . -maxdepth 1 -name 'img_*' -print0 | xargs -0 sha256sum > /dev/null",
        shell=True, check=True, cwd=uploads,
    )  # fmt: skip


def copy(uploads: Path, target: Path) -> None:
    """Have cp copy the same files, on disk in the end."""
    target.mkdir()
    subprocess.run(
        f"find . -maxdepth 1 -name 'img_*' -print0 | xargs -0 cp -a -t '{target}'",
        shell=True, check=True, cwd=uploads,
    )  # fmt: skip
    subprocess.run(["sync", "-f", target], check=True)


def back_up(parts: Parts, target: Path) -> None:
    """Make a backup."""
    exhaust(BackupRun(parts, target).images())


def check_restored(scratch: Path, target: Path, uploads: Path) -> bool:
    """Tell whether a restore into an empty store gives the same files, and verifies clean."""
    settings = Settings(upload_dir=scratch / "restored")
    with opened(settings, may_be_new=True) as parts:
        exhaust(RestoreRun(parts, target, None).images())
        run = VerifyRun(parts, settings)
        exhaust(run.images(quick=False))
    same = subprocess.run(
        ["diff", "-rq", "-x", ".*", uploads, settings.upload_path], capture_output=True, check=False
    )
    return run.done.is_clean and same.returncode == 0 and not same.stdout


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=3, limit_s=240)
    parser.add_argument("--images", type=int, default=10_000, help="default 10,000")
    options = parser.parse_args()
    took: dict[str, list[float]] = {
        name: [] for name in ("sha256sum", "verify", "cp -a", "backup", "second backup")
    }
    with fresh(RUN_DIR / "bench" / "upkeep") as scratch:
        settings = Settings(upload_dir=scratch / "uploads")
        uploads = settings.upload_path
        with opened(settings, may_be_new=True) as parts:
            fill(parts, options.images)
            for number in rounds(options.rounds, options.limit):

                def verify() -> None:
                    exhaust(VerifyRun(parts, settings).images(quick=False))

                def both(
                    *pairs: tuple[str, Callable[[], object]], step: int = -1 if number % 2 else 1
                ) -> None:
                    for name, work in pairs[::step]:
                        took[name].append(taken_s(work))

                both(("sha256sum", lambda: sha256sum(uploads)), ("verify", verify))
                copied, target = scratch / f"copy-{number}", scratch / f"backups-{number}"
                backup = functools.partial(back_up, parts, target)
                both(("cp -a", functools.partial(copy, uploads, copied)), ("backup", backup))
                took["second backup"].append(taken_s(backup))
                assert len(backups_in(target).backups()) == 2
            is_restored = check_restored(scratch, target, uploads)
    rows = [[name, str(Spread.of(seconds))] for name, seconds in took.items()]
    print(f"\n{options.images:,} images of 100 KB\n")
    print(table(("work", "seconds (range)"), rows))
    print(f"\nRestored into an empty store: {'all equal, verified clean' if is_restored else 'NO'}")

    def share(one: str, other: str) -> Spread:
        return Spread.of([a / b for a, b in zip(took[one], took[other], strict=True)])

    bars = [
        Bar("verify: speed, times sha256sum's", share("sha256sum", "verify"), VERIFY_BAR, True),
        Bar("backup: speed, times cp -a's", share("cp -a", "backup"), BACKUP_BAR, True),
        Bar("second backup: time, times the first's", share("second backup", "backup"), SECOND_BAR),
        Bar("restored and clean", Spread.exactly(float(is_restored)), 1.0, True),
    ]
    return finish("upkeep", bars, {"seconds": took}, options.out)


if __name__ == "__main__":
    sys.exit(main())
