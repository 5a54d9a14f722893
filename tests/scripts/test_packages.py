"""Installing by apt: only where allowed, and without services being started."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import packages
from scripts.report import ToolError


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the machine's policy-rc.d, where there is none."""
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", path)
    monkeypatch.setattr(packages, "root_prefix", list)
    return path


def _apt_that(monkeypatch: pytest.MonkeyPatch, answer) -> None:
    run = packages._run

    def instead(command: Sequence[str], *, timeout_s: float):
        return answer(list(command)) if "apt-get" in command else run(command, timeout_s=timeout_s)

    monkeypatch.setattr(packages, "_run", instead)


def test_services_do_not_start_while_packages_are_installed(
    policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes: list[int] = []

    def apt(command: list[str]) -> subprocess.CompletedProcess[str]:
        codes.append(subprocess.run([policy], check=False).returncode)
        return subprocess.CompletedProcess(command, 0, stdout="")

    _apt_that(monkeypatch, apt)
    packages.install("rabbitmq-server")

    assert codes == [101, 101]
    assert not policy.exists()


def test_a_policy_that_is_there_stays(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy.write_text("the operator's own")
    _apt_that(monkeypatch, lambda command: subprocess.CompletedProcess(command, 0, stdout=""))
    packages.install("rabbitmq-server")

    assert policy.read_text() == "the operator's own"


def test_what_apt_says_is_the_error(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Reading package lists...\nE: Unable to locate package rabbitmq-server\n"
    _apt_that(monkeypatch, lambda command: subprocess.CompletedProcess(command, 100, stdout=said))

    with pytest.raises(ToolError, match=r"apt-get install failed: E: Unable to locate package"):
        packages.install("rabbitmq-server")
    assert not policy.exists()


def test_without_root_or_sudo_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(packages.shutil, "which", lambda name: None if name == "sudo" else name)

    assert packages.root_prefix() is None
    assert not packages.can_install()
    with pytest.raises(ToolError, match="run as root, or allow sudo"):
        packages.install("rabbitmq-server")


def test_sudo_is_used_only_when_it_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\ncat "$0.answer" | sh\n')
    sudo.chmod(0o755)
    monkeypatch.setattr(packages.shutil, "which", lambda _name: str(sudo))

    (tmp_path / "sudo.answer").write_text("exit 0")
    assert packages.root_prefix() == [str(sudo), "-n"]
    (tmp_path / "sudo.answer").write_text("exit 1")
    assert packages.root_prefix() is None
