"""`python3 -m scripts.venv`: make `.venv` what setup.cfg and constraints.txt say; seconds if it is.

What was installed is written into the environment itself, so that a second run only compares.
Must run on whatever `python3` is, even one too old for the rest: it then looks for a newer one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from configparser import ConfigParser
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Iterator, NamedTuple  # noqa: UP035  (see the module's docstring)

from scripts import packages
from scripts.paths import ROOT, RUN_DIR, VENV, venv_program
from scripts.report import ToolError, run_main, say

SUPPORTED = ("3.13", "3.12", "3.11", "3.10")
EXTRAS = "test,dev"
MADE_FOR = "image-service.made-for"
INSTALLED = "image-service.installed"
PRINT_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
CHECK_TIMEOUT_S = 30.0
INSTALL_TIMEOUT_S = 900.0


class Python(NamedTuple):
    """An interpreter: where it is and its version as `3.11`."""

    path: str
    version: str


def ensure(venv: Path = VENV, python: Python | None = None) -> None:
    """Create or update the virtual environment, unless it already is as described.

    Args:
        venv: its directory.
        python: the interpreter it is made from; the best one found when None.
    Raises: ToolError when there is no suitable Python or installing fails.
    """
    RUN_DIR.mkdir(exist_ok=True)
    with _one_at_a_time(venv):
        if not _is_usable(venv, python):
            _create(venv, python or choose_python())
        installed, described = venv / INSTALLED, _description()
        if _read(installed) != [described]:
            _install(venv)
            installed.write_text(described + "\n")


def choose_python() -> Python:
    """Return this interpreter if it is supported, else the newest supported one in PATH.

    Raises: ToolError when there is none.
    """
    own = Python(sys.executable, "%d.%d" % sys.version_info[:2])  # noqa: UP031
    if own.version in SUPPORTED:
        return own
    for version in SUPPORTED:
        found = find_python(version)
        if found is not None:
            return found
    if sys.version_info >= (3, 14):
        return own
    raise ToolError(f"Python 3.10 or newer is needed, and python3 is {own.version}: install one")


def find_python(version: str) -> Python | None:
    """Return a Python of this version, as `3.12`, from PATH or from pyenv's places."""
    for path in [shutil.which(f"python{version}"), *_pyenv_pythons(version)]:
        found = _identify(path) if path else None
        if found is not None and found.version == version:
            return found
    return None


def _pyenv_pythons(version: str) -> list[str]:
    """Return what pyenv has installed: its shims in PATH start only the versions it has chosen."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]


def _identify(path: str) -> Python | None:
    """Ask a program which Python it is, and where: a shim stands for one elsewhere, or for none."""
    code = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"
    version, _, executable = _output([path, "-c", code]).partition(" ")
    return Python(executable, version) if executable else None


def _description() -> str:
    """Return a digest of what is to be installed: not of the tools' settings in the same file."""
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    needs = [list(setup[name].items()) for name in setup.sections() if name.startswith("options")]
    constraints = (ROOT / "constraints.txt").read_text()
    return sha256(repr((EXTRAS, needs, constraints)).encode()).hexdigest()


def _read(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _is_usable(venv: Path, python: Python | None) -> bool:
    """Return whether it is for this checkout, and its interpreter still starts."""
    made = _read(venv / MADE_FOR)
    if len(made) != 3 or made[2] != str(ROOT):
        return False
    if python is not None and made[:2] != list(python):
        return False
    return _output([str(venv_program("python", venv)), "-c", PRINT_VERSION]) == made[1]


def _create(venv: Path, python: Python) -> None:
    say(f"Creating {venv.name} with Python {python.version} ...")
    for way in (_create_with_pip, _create_after_apt, _create_with_pip_of_host, _create_by_tool):
        shutil.rmtree(venv, ignore_errors=True)
        if way(venv, python):
            (venv / MADE_FOR).write_text("\n".join([*python, str(ROOT)]) + "\n")
            return
    raise ToolError(
        "this Python cannot make virtual environments: install the missing part"
        f" (Debian: apt-get install python{python.version}-venv) and try again"
    )


def _create_with_pip(venv: Path, python: Python) -> bool:
    return _succeeds([python.path, "-m", "venv", str(venv)])


def _create_after_apt(venv: Path, python: Python) -> bool:
    """Debian keeps the half of `venv` that brings pip in a package of its own."""
    if not python.path.startswith("/usr/bin/") or not packages.can_install():
        return False
    packages.install(f"python{python.version}-venv")
    return _create_with_pip(venv, python)


def _create_with_pip_of_host(venv: Path, python: Python) -> bool:
    """Make it without pip, and have the system's pip install one there."""
    into = str(venv_program("python", venv))
    return _succeeds([python.path, "-m", "venv", "--without-pip", str(venv)]) and _succeeds(
        [python.path, "-m", "pip", "--python", into, "install", "-q", "pip"]
    )


def _create_by_tool(venv: Path, python: Python) -> bool:
    """Make it with uv or virtualenv, where a developer has one of them."""
    return _succeeds(["uv", "venv", "-q", "--seed", "-p", python.path, str(venv)]) or _succeeds(
        ["virtualenv", "-q", "-p", python.path, str(venv)]
    )


def _install(venv: Path) -> None:
    installed = venv / INSTALLED
    first_time = not installed.exists()
    installed.write_text("")  # so that an interrupted installation is repeated
    say(f"Installing dependencies{' (about a minute, once)' if first_time else ''} ...")
    log = RUN_DIR / "pip.log"
    command = [str(venv_program("python", venv)), "-m", "pip", "install", "-q"]
    done = _run([*command, "-c", "constraints.txt", "-e", f".[{EXTRAS}]"], INSTALL_TIMEOUT_S)
    log.write_text(done.stdout)
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
        reason = errors[-1] if errors else f"exit code {done.returncode}"
        raise ToolError(f"pip could not install the dependencies: {reason} (all of it: {log})")


@contextmanager
def _one_at_a_time(venv: Path) -> Iterator[None]:
    with (RUN_DIR / f"{venv.name.lstrip('.')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    # What a user has set up for pip or Python elsewhere must not lead it out of the environment.
    dropped = ("PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    try:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return subprocess.CompletedProcess(command, 1, stdout=f"ERROR: {exc}\n")


def _succeeds(command: list[str]) -> bool:
    return _run(command, INSTALL_TIMEOUT_S).returncode == 0


def _output(command: list[str]) -> str:
    return _run(command, CHECK_TIMEOUT_S).stdout.strip()


def main() -> int:
    """Make sure that the virtual environment is there."""
    # As an exception, SIGTERM ends the pip that runs, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ensure()
    return 0


if __name__ == "__main__":
    run_main(main)
