"""Machines within this one: network namespaces on a switch, each with a processor share of its own.

What is done to them is what happens to real ones: the cable is pulled (nobody is refused, nothing
comes), the power goes (no connection is ended), processor and network become slow. A proxy in
between would answer for those who are gone: keepalives, handshakes, resets. Needs root on Linux.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.processes import Child
from scripts.report import ToolError

CGROUPS = Path("/sys/fs/cgroup")
NAMESPACES = Path("/run/netns")
PERIOD_US = 100_000
END_TIMEOUT_S = 10.0
NORMAL_BITS_PER_S = 1_000_000_000
"""What a machine's network carries: slowing down is a part of it."""
QUEUED_BYTES = 64 * 1024
MOST_QUEUED_MS = 400
MTU_BYTES = 1500


def missing() -> str:
    """Return what machines need and is not here, "" for nothing."""
    if sys.platform != "linux" or os.geteuid():
        return "needs root on Linux"
    absent = [program for program in ("ip", "tc", "nsenter") if not shutil.which(program)]
    if absent:
        return f"needs {', '.join(absent)} (Debian: apt-get install iproute2)"
    try:
        with network() as switch, switch.machine(cores=0.5) as machine:
            machine.slow_down(0.5)
    except (ToolError, OSError) as exc:
        return f"may not make machines: {exc}"
    return ""


class Network:
    """A switch with machines on it; this machine's own address on it is `address`."""

    def __init__(self) -> None:
        # 198.18.0.0/15 is for measuring networks (RFC 2544): nobody's.
        self._number = random.SystemRandom().randrange(1, 255)
        self.name = f"image{self._number}"
        self.address = self.address_of(1)
        self._mac = f"02:00:c6:12:{self._number:02x}:01"
        self._count = 0
        run("ip", "link", "add", self.name, "address", self._mac, "type", "bridge")
        try:
            run("ip", "address", "add", f"{self.address}/24", "dev", self.name)
            run("ip", "link", "set", self.name, "up")
        except ToolError:
            self.close()
            raise

    def close(self) -> None:
        run("ip", "link", "delete", self.name)

    def address_of(self, place: int) -> str:
        return f"198.18.{self._number}.{place}"

    @contextlib.contextmanager
    def machine(self, *, cores: float) -> Iterator[Machine]:
        """A machine whose power is on; in the end it is gone."""
        self._count += 1
        machine = Machine(self, self._count, cores)
        try:
            machine.power_on()
            yield machine
        finally:
            machine.close()

    def plug_in(self, machine: Machine) -> None:
        """Connect a machine that has just been turned on."""
        port, inside = machine.name, ("ip", "-n", machine.name)
        run("ip", "link", "add", port, "mtu", str(MTU_BYTES), "type", "veth",
            "peer", "name", "eth0", "mtu", str(MTU_BYTES), "netns", machine.name)  # fmt: skip
        run("ip", "link", "set", port, "master", self.name, "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", "eth0", "address", machine.mac, "up")
        run(*inside, "address", "add", f"{machine.address}/24", "dev", "eth0")
        # Known for good, as behind a router: that nobody answers is never told by this network.
        run("ip", "neighbour", "replace", machine.address, "lladdr", machine.mac,
            "dev", self.name, "nud", "permanent")  # fmt: skip
        run(*inside, "neighbour", "replace", self.address, "lladdr", self._mac,
            "dev", "eth0", "nud", "permanent")  # fmt: skip


class Machine:
    """A machine: what runs on it goes through the cable to the network, or nowhere."""

    def __init__(self, switch: Network, number: int, cores: float) -> None:
        self._switch = switch
        self._cores = cores
        self.name = f"{switch.name}-{number}"
        self.address = switch.address_of(10 + number)
        self.mac = f"02:00:c6:12:00:{10 + number:02x}"
        self._is_on = False
        self._share = _Share(self.name)

    def close(self) -> None:
        self.end_all()
        self.cut_power()
        self._share.close()

    def power_on(self) -> None:
        """Turn it on: it knows of no connection, and answers resets to who thinks it does."""
        run("ip", "netns", "add", self.name)
        self._is_on = True
        self._switch.plug_in(self)
        self._share.limit(self._cores)

    def cut_power(self) -> None:
        """Take its power: nobody on the network hears of it."""
        if not self._is_on:
            return
        self.pull_cable()
        self.end_all()
        # With the namespace go the kernel's ends of all connections, and what they had to say.
        run("ip", "link", "delete", self.name)
        run("ip", "netns", "delete", self.name)
        self._is_on = False

    def pull_cable(self) -> None:
        run("ip", "link", "set", self.name, "down")

    def plug_cable(self) -> None:
        run("ip", "link", "set", self.name, "up")

    def slow_down(self, share: float) -> None:
        """Leave it a share of its processor time, and of its network, both ways."""
        self._share.limit(self._cores * share)
        rate = f"{round(NORMAL_BITS_PER_S * share)}bit"
        for where in (("tc",), ("tc", "-n", self.name)):
            port = "eth0" if "-n" in where else self.name
            run(*where, "qdisc", "replace", "dev", port, "root", "tbf", "rate", rate,
                "burst", str(QUEUED_BYTES), "latency", f"{MOST_QUEUED_MS}ms")  # fmt: skip

    def speed_up(self) -> None:
        """Undo that."""
        self._share.limit(self._cores)
        for where in (("tc",), ("tc", "-n", self.name)):
            port = "eth0" if "-n" in where else self.name
            run(*where, "qdisc", "delete", "dev", port, "root")

    def start(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        """Start a program on it."""
        join = ["sh", "-c", f'echo $$ > {self._share.processes} && exec "$@"', "sh"]
        enter = ["nsenter", f"--net={NAMESPACES / self.name}"]
        return Child([*join, *enter, *argv], environment, log)

    def end_all(self) -> None:
        """SIGKILL everything that runs on it, and wait for its end."""
        deadline_s = time.monotonic() + END_TIMEOUT_S
        while pids := self._share.pids():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert time.monotonic() < deadline_s, f"these do not end: {pids}"
            time.sleep(0.01)


class _Share:
    """A control group: so much processor time, of either version."""

    def __init__(self, name: str) -> None:
        self._is_second = (CGROUPS / "cgroup.controllers").exists()
        if self._is_second:
            with contextlib.suppress(OSError):  # it is there for all groups already
                (CGROUPS / "cgroup.subtree_control").write_text("+cpu")
        self._folder = CGROUPS / name if self._is_second else CGROUPS / "cpu" / name
        self._folder.mkdir()
        self.processes = self._folder / "cgroup.procs"

    def limit(self, cores: float) -> None:
        quota_us = round(cores * PERIOD_US)
        if self._is_second:
            (self._folder / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (self._folder / "cpu.cfs_quota_us").write_text(str(quota_us))

    def pids(self) -> list[int]:
        return [int(line) for line in self.processes.read_text().split()]

    def close(self) -> None:
        self._folder.rmdir()


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A switch with nothing on it; in the end it is gone."""
    made = Network()
    try:
        yield made
    finally:
        made.close()


def run(*words: str) -> None:
    """Run a command of the system. Raises: ToolError with what it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(words)}: {done.stderr.strip()}")
