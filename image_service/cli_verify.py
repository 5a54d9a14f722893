"""`image-service verify`: what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .cli_common import SHOWN, progress, some
from .domain.bucket_url import BucketUrl
from .domain.image import human_size
from .maintenance import VerifyRun, opened
from .serve import load
from .settings import MIB
from .verify import Finding

_MEANINGS = {
    "missing": "the catalogue has it, and its file is not there",
    "damaged": "its file is not what was stored",
    "unreadable": "its file cannot be opened or read; what it is on may be away",
    "quarantined": "it was found to be damaged before, and is not served",
    "orphaned": "a file of an image that the catalogue does not know",
    "foreign": "a file of somebody else's, left alone",
}


def run(
    config_path: Path,
    *,
    quick: bool,
    repair: bool,
    backups: Path | BucketUrl | None,
    max_rate_mib: float | None,
    as_json: bool,
) -> bool:
    """Verify, print what was found, and tell whether all was well.

    Args: backups: to repair from.
    Raises: ConfigError, StorageUnavailable, BackupFailed.
    """
    _, settings = load(config_path)
    with opened(settings, finds_images=True) as parts:
        verification = VerifyRun(parts, settings, max_bytes_per_s=(max_rate_mib or 0) * MIB)
        with progress("Verifying", verification.total_bytes) as bar:
            for image in verification.images(quick=quick):
                bar.update(image.size_bytes)
        mended = verification.repair(backups) if repair else []
    if as_json:
        click.echo(_as_json(verification, mended))
    else:
        click.echo(_as_text(verification, mended, quick=quick))
    return verification.done.is_clean


def _as_text(verification: VerifyRun, mended: list[Finding], *, quick: bool) -> str:
    done, restored = verification.done, verification.restored
    how = "with their size" if quick else "bit by bit"
    lines = [f"{done.images:,} images, {human_size(done.bytes)}, looked at {how}."]
    for kind, count in done.counts.items():
        lines.append(f"{count:,} {kind}: {_MEANINGS[kind]}")
        shown = [each for each in done.findings if each.kind == kind][:SHOWN]
        lines.extend(f"  {each.name}" for each in shown)
        if count > len(shown):
            lines.append(f"  … and {count - len(shown):,} more (--json has them)")
    if done.is_clean:
        lines.append("All is well.")
    if restored:
        lines.append(f"{len(restored):,} brought back from the backup.")
    if failed := verification.not_restored:
        lines.append(f"{len(failed):,} could not be brought back:")
        lines.extend(some([f"  {name}: {why}" for name, why in failed]))
    for kind, what in (("damaged", "put into quarantine"), ("missing", "dropped")):
        count = sum(each.kind == kind for each in mended)
        if count:
            lines.append(f"{count:,} {what}.")
    return "\n".join(lines)


def _as_json(verification: VerifyRun, mended: list[Finding]) -> str:
    done = verification.done
    return json.dumps(
        {
            "images": done.images,
            "bytes": done.bytes,
            "isClean": done.is_clean,
            "counts": done.counts,
            "findings": [
                {"kind": each.kind, "name": each.name, "imageId": each.image_id or None}
                for each in done.findings
            ],
            "repaired": [each.name for each in mended],
            "restored": [each.name for each in verification.restored],
            "notRestored": [{"name": name, "why": why} for name, why in verification.not_restored],
        },
        indent=1,
    )
