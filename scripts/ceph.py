"""Ceph's object gateway on loopback, with a cluster of its own: one monitor, one disk in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from datetime import timedelta
from pathlib import Path

import obstore
import requests

from scripts import packages
from scripts.ports import LOOPBACK, free_ports
from scripts.report import ToolError
from scripts.s3_server import KEY, SECRET, S3Server

PACKAGES = ("ceph-mon", "ceph-osd", "radosgw")
COMMAND_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 120.0
_PORTS = 300

# Nobody but this machine's own programs gets here, and nothing of it lasts. Without keys only the
# modes without encryption are offered: a gateway that wants an encrypted one waits without end.
_CONFIGURATION = """\
[global]
fsid = {fsid}
run dir = {folder}
admin socket = {folder}/$name.asok
pid file =
log file = {folder}/$name.out
chdir =
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms client mode = crc
mon host = [v2:{host}:{mon_port}]
ms bind port min = {ports_from}
ms bind port max = {ports_to}
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 1000
[mon.a]
mon data = {folder}/mon
mon data avail crit = 1
[osd.0]
public addr = {host}
cluster addr = {host}
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
osd class default list = *
[client]
rgw frontends = beast endpoint={host}:{port}
rgw data = {folder}/gateway
"""


class CephServer(S3Server):
    """One cluster and its gateway. What it keeps is gone when it stops."""

    region = "default"

    def __init__(self, folder: Path) -> None:
        port, mon_port, ports_from = free_ports(3)
        super().__init__(folder, LOOPBACK, port)
        folder.mkdir(parents=True, exist_ok=True)
        self._conf = folder / "ceph.conf"
        self._fsid = str(uuid.uuid4())
        self._monitor = f"[v2:{LOOPBACK}:{mon_port}]"
        self._conf.write_text(
            _CONFIGURATION.format(
                fsid=self._fsid, folder=folder, host=LOOPBACK, port=port, mon_port=mon_port,
                ports_from=ports_from, ports_to=ports_from + _PORTS,
            )
        )  # fmt: skip

    def start(self) -> CephServer:
        """See S3Server. Raises: ToolError where Ceph is not installed and cannot be."""
        make_sure_ceph_is_installed()
        for name in ("mon", "osd", "gateway"):
            (self._folder / name).mkdir()
        monmap = str(self._folder / "monmap")
        self._run(
            "monmaptool", "--create", "--addv", "a", self._monitor, "--fsid", self._fsid, monmap
        )
        self._run("ceph-mon", "--id", "a", "--mkfs", "--monmap", monmap, "--keyring", os.devnull)
        (self._folder / "mon" / "keyring").touch()
        self._serve("ceph-mon", "--id", "a")
        self._run("ceph", "osd", "create")
        self._run("ceph", "osd", "crush", "add", "osd.0", "1", "root=default", "host=localhost")
        self._run("ceph-osd", "--id", "0", "--mkfs")
        self._serve("ceph-osd", "--id", "0")
        self._run(
            "radosgw-admin", "user", "create", "--uid", "tests", "--display-name", "tests",
            "--access-key", KEY, "--secret-key", SECRET,
        )  # fmt: skip
        self._serve("radosgw", "--name", "client.admin")
        self._wait(READY_TIMEOUT_S)
        return self

    def _make_bucket(self) -> None:
        address = obstore.sign(self.bucket("")._store, "PUT", "", timedelta(minutes=1))
        requests.put(address, timeout=10).raise_for_status()

    def _serve(self, program: str, *arguments: str) -> None:
        self._begin(
            [program, "--foreground", "--conf", str(self._conf), *arguments], {**os.environ}
        )

    def _run(self, program: str, *arguments: str) -> None:
        argv = [program, "--conf", str(self._conf), *arguments]
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S
        )
        if done.returncode:
            raise ToolError(f"{' '.join(argv)} failed: {done.stderr.strip()[-500:]}")


def make_sure_ceph_is_installed() -> None:
    """Install Ceph by apt where it is missing and that is allowed. Raises: ToolError."""
    if all(map(shutil.which, ("ceph-mon", "ceph-osd", "radosgw"))):
        return
    if not packages.can_install():
        raise ToolError(f"no Ceph: install it (Debian: apt-get install {' '.join(PACKAGES)})")
    packages.install(*PACKAGES)
