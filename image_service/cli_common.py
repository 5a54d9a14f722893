"""What the commands of `image-service` share. Imports nothing that has to be patched first."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

# Of what the commands import; who runs them cannot help it.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")

EXIT_FAILED, EXIT_CONFIG, EXIT_FOUND = 1, 2, 3
"""Exit codes: it could not be done; the configuration is wrong; it was, and something is wrong."""

SHOWN = 100
"""How many of a long list are printed."""

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file; relative paths in it begin in its folder.",
)
rate_option = click.option(
    "--max-rate",
    "max_rate_mib",
    type=click.FloatRange(0, min_open=True),
    default=None,
    help="MiB/s to read at most.",
)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tell what is known to go wrong in one line each, and exit."""
    from .backup_format import BackupFailed
    from .config import ConfigError
    from .errors import ImageServiceError

    try:
        yield
    except ConfigError as exc:
        fail(EXIT_CONFIG, *exc.args)
    except BackupFailed as exc:
        fail(EXIT_FAILED, f"the backup: {exc.why}")
    except ImageServiceError as exc:
        fail(EXIT_FAILED, str(exc))
    except OSError as exc:
        fail(EXIT_FAILED, f"{exc.strerror or type(exc).__name__}: {exc.filename or 'a file'}")


def some(lines: list[str]) -> list[str]:
    """Return the first of many lines, and how many more there are in JSON."""
    more = len(lines) - SHOWN
    return lines[:SHOWN] + [f"  … and {more:,} more (--json has them)"] * (more > 0)


def tell_wrong(wrong: list[tuple[str, str]]) -> None:
    """Name what is wrong, each with why, and exit, if there is any."""
    for name, why in wrong[:SHOWN]:
        click.echo(f"  {name}: {why}")
    if len(wrong) > SHOWN:
        click.echo(f"  … and {len(wrong) - SHOWN:,} more")
    if wrong:
        sys.exit(EXIT_FOUND)


def progress(label: str, length: int) -> Any:
    """Return a progress bar of so many bytes, on standard error."""
    return click.progressbar(length=length, label=label, file=sys.stderr, show_pos=False)


def fail(code: int, *lines: object) -> NoReturn:
    """Print what is wrong and exit."""
    for line in lines:
        click.echo(f"image-service: error: {line}", err=True)
    sys.exit(code)
