"""Install what the system lacks by Debian's packages, where this user may."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.report import ToolError, say

APT_TIMEOUT_S = 600.0
SERVICE_TIMEOUT_S = 30.0
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Made by image_service's tools while they install a package.\nexit 101\n"


def root_prefix() -> list[str] | None:
    """Return what to put before a command to run it as root; None when that is not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run(
        [sudo, "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return None if asked.returncode else [sudo, "-n"]


def can_install() -> bool:
    """Return whether `install` has a chance: Debian's packages, and root's rights."""
    return shutil.which("apt-get") is not None and root_prefix() is not None


def install(*names: str) -> None:
    """Install Debian packages; their services are neither started nor enabled.

    Raises: ToolError when apt-get fails.
    """
    root = root_prefix()
    if root is None:
        raise ToolError(f"no right to install {' '.join(names)}: run as root, or allow sudo")
    say(f"Installing {' '.join(names)} with apt-get ...")
    with _no_service_starts(root):
        _apt(root, "update", fatal=False)
        _apt(root, "install", "-y", "--no-install-recommends", *names)


def disable_service(name: str) -> None:
    """Keep a service that a package has just brought from running now or after a reboot."""
    root = root_prefix()
    commands = (["systemctl", "disable", "--now", name], ["update-rc.d", name, "disable"])
    for command in commands:
        # /usr/sbin is not in every user's PATH, but in that of root.
        if root is not None and shutil.which(command[0], path=SYSTEM_PATH):
            _run([*root, *command], timeout_s=SERVICE_TIMEOUT_S)


def _apt(root: Sequence[str], *arguments: str, fatal: bool = True) -> None:
    # `env` because sudo drops our environment; Lock::Timeout because a new machine is often still
    # busy with its own first update.
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    done = _run([*command, "-o", "DPkg::Lock::Timeout=120", *arguments], timeout_s=APT_TIMEOUT_S)
    if done.returncode and fatal:
        lines = [line for line in done.stdout.splitlines() if line.startswith("E:")]
        raise ToolError(f"apt-get {arguments[0]} failed: {lines[-1] if lines else done.stdout}")


@contextlib.contextmanager
def _no_service_starts(root: Sequence[str]) -> Iterator[None]:
    """Have packages not start their services meanwhile, by Debian's own switch for that."""
    if POLICY.exists():
        yield  # The machine has a policy of its own; `disable_service` does the rest.
        return
    write = f"printf '%s' \"$1\" > {POLICY} && chmod 755 {POLICY}"
    _run([*root, "sh", "-c", write, "sh", POLICY_TEXT], timeout_s=10)
    try:
        yield
    finally:
        _run([*root, "rm", "-f", str(POLICY)], timeout_s=10)


def _run(command: Sequence[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise ToolError(f"{' '.join(command)} did not end within {timeout_s:.0f} s") from exc
