"""Which Python, and when the virtual environment is made, updated or left alone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts import packages, venv
from scripts.report import ToolError

HERE = venv.Python(sys.executable, f"{sys.version_info[0]}.{sys.version_info[1]}")


@pytest.fixture(autouse=True)
def _own_run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "RUN_DIR", tmp_path / "run")


def _create_quickly(venv_dir: Path, python: venv.Python) -> bool:
    """Make what passes for an environment without the seconds that bringing pip takes."""
    (venv_dir / "bin").mkdir(parents=True)
    (venv_dir / "bin" / "python").symlink_to(python.path)
    return True


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Count installations in place of doing them."""
    done: list[Path] = []
    monkeypatch.setattr(venv, "_install", done.append)
    monkeypatch.setattr(venv, "_create_with_pip", _create_quickly)
    return done


def _shim(directory: Path, name: str, script: str) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_second_run_installs_nothing(tmp_path: Path, installs: list[Path]) -> None:
    venv.ensure(tmp_path / "venv", HERE)
    venv.ensure(tmp_path / "venv", HERE)
    venv.ensure(tmp_path / "venv")

    assert installs == [tmp_path / "venv"]


def test_other_requirements_are_installed(
    tmp_path: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.ensure(tmp_path / "venv", HERE)
    monkeypatch.setattr(venv, "EXTRAS", "test")
    venv.ensure(tmp_path / "venv", HERE)

    assert len(installs) == 2


def test_an_environment_of_another_checkout_is_made_anew(
    tmp_path: Path, installs: list[Path]
) -> None:
    venv.ensure(tmp_path / "venv", HERE)
    made_for = tmp_path / "venv" / venv.MADE_FOR
    made_for.write_text(made_for.read_text().replace(str(venv.ROOT), "/elsewhere"))
    venv.ensure(tmp_path / "venv", HERE)

    assert len(installs) == 2


def test_an_environment_whose_python_is_gone_is_made_anew(
    tmp_path: Path, installs: list[Path]
) -> None:
    venv.ensure(tmp_path / "venv", HERE)
    (tmp_path / "venv" / "bin" / "python").unlink()
    venv.ensure(tmp_path / "venv", HERE)

    assert len(installs) == 2


def test_settings_of_tools_do_not_call_for_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venv, "ROOT", tmp_path)
    (tmp_path / "constraints.txt").write_text("six==1.17.0\n")
    setup = tmp_path / "setup.cfg"
    setup.write_text("[options]\ninstall_requires = six\n[mypy]\nstrict = true\n")
    before = venv._description()
    setup.write_text("[options]\ninstall_requires = six\n[mypy]\nstrict = false\n")

    assert venv._description() == before
    setup.write_text("[options]\ninstall_requires = six>1\n")
    assert venv._description() != before


def test_an_old_python3_is_passed_over_for_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venv.sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    monkeypatch.setattr(venv, "SUPPORTED", ("3.97", "3.96"))
    _shim(tmp_path, "python3.97", "echo 'no such version' >&2; exit 127")
    _shim(tmp_path, "python3.96", "echo 3.96 /opt/python3.96")

    assert venv.choose_python() == venv.Python("/opt/python3.96", "3.96")


def test_without_a_usable_python_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv.sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(venv, "find_python", lambda _version: None)

    with pytest.raises(ToolError, match=r"Python 3\.10 or newer is needed, and python3 is 3\.9"):
        venv.choose_python()


def test_without_ensurepip_and_rights_the_error_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(venv, "_succeeds", lambda _command: False)
    monkeypatch.setattr(packages, "can_install", lambda: False)

    with pytest.raises(ToolError, match=r"apt-get install python3\.11-venv"):
        venv._create(tmp_path / "venv", venv.Python("/usr/bin/python3", "3.11"))


def test_where_it_may_debians_missing_half_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(packages, "can_install", lambda: True)
    monkeypatch.setattr(packages, "install", lambda *names: installed.extend(names))

    def succeeds(command: list[str]) -> bool:
        (tmp_path / "venv").mkdir(exist_ok=True)
        return bool(installed) and command[1:3] == ["-m", "venv"]

    monkeypatch.setattr(venv, "_succeeds", succeeds)
    venv._create(tmp_path / "venv", venv.Python("/usr/bin/python3", "3.11"))

    assert installed == ["python3.11-venv"]
