"""A private PostgreSQL server: own data, own port, loopback only; as root it runs as `postgres`."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scripts import packages
from scripts.ports import LOOPBACK, free_ports
from scripts.processes import Child
from scripts.report import ToolError

PLACES = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/bin")
NO_SERVER = (
    "no PostgreSQL: install it (Debian: apt-get install postgresql, macOS: brew install postgresql)"
)
USER = "postgres"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30.0
SETTINGS = {
    "max_connections": "200",
    # Nothing of a test has to outlast the machine.
    "fsync": "off",
    "full_page_writes": "off",
}


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, the newest; None where there is none."""
    places = sorted(
        (found for place in PLACES for found in Path("/").glob(place.lstrip("/"))),
        key=lambda path: [int(part) for part in path.parts if part.isdigit()],
        reverse=True,
    )
    found = shutil.which("initdb")
    for place in (*places, *([Path(found).parent] if found else [])):
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    return None


def make_sure_postgres_is_installed() -> Path:
    """Return the folder of its programs, installing them by apt where that is allowed.

    Raises: ToolError, with what to do, when there are none and none can be had.
    """
    found = find_programs()
    if found is None and packages.can_install():
        packages.install("postgresql")
        packages.disable_service("postgresql")
        found = find_programs()
    if found is None:
        raise ToolError(NO_SERVER)
    return found


class Server:
    """One private server. Its data, and its port, last over stop and start.

    Attributes:
        port: where it listens.
        url: of its database `postgres`, as its superuser `app`.
    """

    def __init__(
        self, directory: Path, *, host: str = LOOPBACK, locale: str = "C.UTF-8", **settings: str
    ) -> None:
        """Choose a port; nothing is started or written yet.

        Args:
            directory: created when missing.
            host: the address that it listens on; all of its network of 256 are let in.
            settings: as in postgresql.conf.
        """
        self.directory = directory
        self._host = host
        self.port = free_ports(1)[0]
        self.url = self.url_of("postgres")
        self._locale = locale
        self._settings = {
            **SETTINGS, "listen_addresses": host, "port": str(self.port), **settings
        }  # fmt: skip
        self._child: Child | None = None

    def url_of(self, database: str, user: str = "app", port: int | None = None) -> str:
        """Return what to connect to."""
        return f"postgresql://{user}@{self._host}:{port or self.port}/{database}"

    def copy(self, other: Server) -> None:
        """Become a standby of a running server, before the first start. Raises: ToolError."""
        programs = make_sure_postgres_is_installed()
        self._make_folder()
        copy = [str(programs / "pg_basebackup"), "-D", str(self.directory), "-R", "-c", "fast"]
        _run([*_as_postgres(), *copy, "-d", other.url])

    def start(self) -> None:
        """Start it and return once it answers; no effect when it runs. Raises: ToolError."""
        if self._child is not None:
            return
        programs = make_sure_postgres_is_installed()
        if not (self.directory / "PG_VERSION").exists():
            self._initialise(programs)
        settings = {**self._settings, "unix_socket_directories": str(self.directory)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        log = self.directory / "postgres.out"
        command = [*_as_postgres(), str(programs / "postgres"), "-D", str(self.directory), *options]
        self._child = Child(command, os.environ, log)
        ready = [str(programs / "pg_isready"), "-h", self._host, "-p", str(self.port), "-t", "1"]
        for _ in range(START_TIMEOUT_S * 20):
            if not subprocess.run([*ready, "-q"], check=False).returncode:
                return
            if self._child.exit_code() is not None:
                break
            self._child.wait(0.05)
        self.kill()
        raise ToolError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-300:]}")

    def stop(self) -> None:
        """Stop it at once, in order, as a restart does: connections are ended."""
        if self._child is not None and self._child.exit_code() is None:
            programs = make_sure_postgres_is_installed()
            stop = [str(programs / "pg_ctl"), "-D", str(self.directory), "-m", "fast", "-w", "stop"]
            subprocess.run(
                [*_as_postgres(), *stop], check=False, capture_output=True, timeout=STOP_TIMEOUT_S
            )
        self.kill()

    def kill(self) -> None:
        """End it as a crash would; its data stays."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def run(self, statement: str, database: str = "postgres") -> str:
        """Run SQL and return what it says, unaligned. Raises: ToolError."""
        programs = make_sure_postgres_is_installed()
        psql = [str(programs / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        return _run([*psql, "-d", self.url_of(database), "-c", statement]).strip()

    def _initialise(self, programs: Path) -> None:
        self._make_folder()
        options = ["-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8"]
        initdb = [str(programs / "initdb"), "-D", str(self.directory), *options]
        _run([*_as_postgres(), *initdb, f"--locale={self._locale}"])
        if self._host != LOOPBACK:
            with (self.directory / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {self._host}/24 trust\n")

    def _make_folder(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER, USER)


def _run(command: list[str]) -> str:
    """Run a program to its end and return what it says. Raises: ToolError."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise ToolError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _as_postgres() -> list[str]:
    """Return what goes before a command: the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]


@contextlib.contextmanager
def private_server(standby_of: Server | None = None, /, **settings: str) -> Iterator[Server]:
    """Run a server of one's own for the length of a `with` block, its data removed at the end.

    Args: standby_of: a running server that it follows; settings: see Server.
    Raises: ToolError when there is no way to start one.
    """
    # Not below a test's folder: those are closed to the user it runs as.
    folder = Path(tempfile.mkdtemp(prefix="image-service-postgres-"))
    server = Server(folder, **settings)
    try:
        if standby_of:
            server.copy(standby_of)
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
