"""A private RabbitMQ node: own data, own ports, loopback only, no root needed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from scripts import amqp
from scripts.ports import LOOPBACK, free_ports
from scripts.processes import POLL_S, Child
from scripts.report import ToolError

RABBITMQ_4_MAX_MESSAGE_BYTES = 16 * 1024 * 1024
START_TIMEOUT_S = 90.0
LONGEST_REASON = 200
"""Characters of an error that are shown: Erlang's run on for pages."""
STOP_TIMEOUT_S = 30.0

LOOPBACK_ONLY = "-kernel inet_dist_use_interface {127,0,0,1}"
# Whether idle schedulers spin for an instant before they sleep. RabbitMQ's own choice spares the
# cores for others (its runtime guide, "Thread Activity"). But waking is slow on virtual machines:
# with spinning a node starts in 5 s instead of 10 on two cores, for twice the work when it is busy.
SPARING = "+sbwt none +sbwtdcpu none +sbwtdio none"
STARTING_FAST = "+sbwt short +sbwtdcpu short +sbwtdio short"

# Debian's /usr/sbin/rabbitmq-server is a wrapper that refuses ordinary users; the program it wraps
# does not. Homebrew keeps its own out of PATH.
SERVER_PLACES = (
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/home/linuxbrew/.linuxbrew/opt/rabbitmq/sbin",
)


def find_server() -> Path | None:
    """Return the path of `rabbitmq-server`, or None when RabbitMQ is not installed."""
    found = shutil.which("rabbitmq-server", path=os.pathsep.join(SERVER_PLACES))
    found = found or shutil.which("rabbitmq-server")
    return Path(found) if found else None


def start_name_server(env: Mapping[str, str], log: Path) -> Child | None:
    """Start Erlang's name server, one of our own.

    That which Erlang would start by itself, for the whole machine and on all interfaces,
    would stay behind for ever.
    """
    epmd = shutil.which("epmd")
    return Child([epmd], env, log) if epmd else None


class Node:
    """One private RabbitMQ node. Its data, and its port, last over stop and start.

    Attributes:
        directory: where its data and logs are.
        port: its AMQP port.
        uri: what to connect to: user guest, virtual host `/`.
    """

    description = "a private RabbitMQ node"

    def __init__(
        self,
        directory: Path,
        *,
        host: str = "localhost",
        port: int | None = None,
        max_message_bytes: int = RABBITMQ_4_MAX_MESSAGE_BYTES,
        starts_fast: bool = False,
        settings: Sequence[str] = (),
        advanced: str = "",
    ) -> None:
        """Choose ports; nothing is started or written yet.

        Args:
            directory: created when missing; the node's data of an earlier time is used again.
            host: the address that it listens on; all that reach one may use it.
            port: for AMQP; a free one when None.
            max_message_bytes: larger messages are refused; RabbitMQ 4's default when not given.
            settings: more lines of rabbitmq.conf; advanced: the text of advanced.config.
            starts_fast: for tests: takes half the time to start, and more of the cores later.
        """
        any_port, self._dist_port, self._epmd_port = free_ports(3)
        self.directory = directory
        self.port = port or any_port
        self.uri = f"pyamqp://guest:guest@{host}:{self.port}"
        self._address = LOOPBACK if host == "localhost" else host
        strangers = () if host == "localhost" else ("loopback_users = none",)
        self._settings = (f"max_message_size = {max_message_bytes}", *strangers, *settings)
        self._advanced = advanced
        self._schedulers = STARTING_FAST if starts_fast else SPARING
        self._epmd: Child | None = None
        self._server: Child | None = None

    @property
    def process(self) -> Child | None:
        """The running server, None when stopped."""
        return self._server

    @property
    def log_path(self) -> Path:
        """Where what the server prints goes."""
        return self.directory / "rabbitmq.out"

    def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start the node and return once it answers AMQP; no effect when it runs.

        Raises: ToolError when RabbitMQ is not installed or does not come up in timeout_s.
        """
        if self._server is not None:
            return
        program = find_server()
        if program is None:
            raise ToolError("RabbitMQ is not installed: no rabbitmq-server was found")
        self._write_settings()
        env = self._environment()
        self._epmd = self._name_server(env)
        self._server = Child([str(program)], env, self.log_path)
        try:
            self._wait_until_it_answers(timeout_s)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the node in an orderly way; its data stays. No effect when stopped."""
        self._end(STOP_TIMEOUT_S)

    def kill(self) -> None:
        """SIGKILL the node, as a crash would; its data stays."""
        self._end(0.0)

    def restart(self) -> None:
        """Stop and start, on the same port with the same data."""
        self.stop()
        self.start()

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on the node (1-2 s) and return its output.

        Raises: ToolError with what it said when it fails.
        """
        program = find_server()
        if program is None:
            raise ToolError("RabbitMQ is not installed: no rabbitmqctl was found")
        done = subprocess.run(
            [str(program.with_name("rabbitmqctl")), "-q", *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ToolError(f"rabbitmqctl {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout

    def add_vhost(self, name: str) -> str:
        """Make a virtual host that guest may use, and return its URI."""
        self.ctl("add_vhost", name)
        self.ctl("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        return f"{self.uri}/{name}"

    def _name_server(self, env: Mapping[str, str]) -> Child | None:
        """Start Erlang's name server; None where there is one already."""
        return start_name_server(env, self.directory / "epmd.out")

    def _end(self, grace_s: float) -> None:
        for child in (self._server, self._epmd):
            if child is not None:
                child.stop(grace_s) if grace_s else child.kill()
        self._server = self._epmd = None
        link = _link_to(self.directory.resolve())
        if link.is_symlink():
            link.unlink()

    def _wait_until_it_answers(self, timeout_s: float) -> None:
        assert self._server is not None
        deadline = time.monotonic() + timeout_s
        while not amqp.answers(self.uri):
            if self._server.exit_code() is not None:
                raise ToolError(f"RabbitMQ did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise ToolError(
                    f"RabbitMQ did not answer within {timeout_s:.0f} s; see {self.log_path}"
                )
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.log_path.read_text(errors="replace").splitlines()]
        telling = [line for line in lines if "rror" in line] or [line for line in lines if line]
        words = telling[-1][:LONGEST_REASON] if telling else "it said nothing"
        return f"{words} (see {self.log_path})"

    def _write_settings(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.directory / "enabled_plugins").write_text("[].\n")
        (self.directory / "rabbitmq.conf").write_text("\n".join(self._settings) + "\n")
        if self._advanced:
            (self.directory / "advanced.config").write_text(self._advanced)

    def _environment(self) -> dict[str, str]:
        base = _without_spaces(self.directory)
        kept = {
            name: value
            for name, value in os.environ.items()
            # The operator's own node may be set up through these; ours must not become it.
            if not name.startswith(("RABBITMQ_", "ERL_", "NOTIFY_SOCKET"))
        }
        return kept | {
            "HOME": str(base),  # for the cookie with which node and rabbitmqctl know each other
            "ERL_CRASH_DUMP": str(base / "erl_crash.dump"),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": "image_service@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self._address,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(base / "mnesia"),
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(base / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{LOOPBACK_ONLY} {self._schedulers}",
        }


def _link_to(directory: Path) -> Path:
    """Return where a link to the directory would be, by a path without spaces."""
    name = sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"image-service-{os.getuid()}-{name}"


def _without_spaces(directory: Path) -> Path:
    """Return a path to the directory that RabbitMQ's shell scripts can take.

    They split paths at spaces, so such a directory is reached through a link without any.
    """
    directory = directory.resolve()
    if " " not in str(directory):
        return directory
    link = _link_to(directory)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(directory, target_is_directory=True)
    if link.resolve() != directory:
        raise ToolError(f"{link} is in the way: remove it")
    return link
