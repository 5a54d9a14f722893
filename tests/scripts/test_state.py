"""What make run leaves for the shell and the demo, and how a stale record is seen through."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import processes, state
from scripts.paths import ROOT
from scripts.report import ToolError

URI = "pyamqp://guest:guest@localhost:5999"
URL = "http://localhost:3999"


def _record(directory: Path, **changes: object) -> None:
    state.write(amqp_uri=URI, url=URL, directory=directory)
    path = directory / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_what_was_written_is_found(tmp_path: Path) -> None:
    state.write(amqp_uri=URI, url=URL, directory=tmp_path)

    found = state.running(tmp_path)

    assert found is not None
    assert (found.amqp_uri, found.url) == (URI, URL)
    assert found.supervisor.pid == os.getpid()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    state.write(amqp_uri=URI, url=URL, directory=tmp_path)

    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_nothing_runs_where_nothing_was_written(tmp_path: Path) -> None:
    assert state.running(tmp_path) is None


def test_a_reused_pid_is_not_taken_for_the_supervisor(tmp_path: Path) -> None:
    _record(tmp_path, supervisor={"pid": os.getpid(), "mark": "another start"})

    assert state.running(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"supervisor": 1}'])
def test_a_torn_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)

    assert state.running(tmp_path) is None


def test_the_record_is_gone_when_the_supervisor_is_done(tmp_path: Path) -> None:
    with state.only_supervisor(tmp_path):
        state.write(amqp_uri=URI, url=URL, directory=tmp_path)

    assert not (tmp_path / "state.json").exists()


HOLDER = """
import sys, time
from pathlib import Path
from scripts import state
directory = Path(sys.argv[1])
with state.only_supervisor(directory):
    state.write(amqp_uri="amqp://x", url="http://localhost:3999", directory=directory)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_supervisor_is_told_where_the_first_one_runs(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            expected = f"already running at {URL}; stop it first .*kill {holder.pid}"
            with pytest.raises(ToolError, match=expected), state.only_supervisor(tmp_path):
                pass
        finally:
            holder.kill()


def test_what_a_killed_supervisor_left_is_stopped_first(tmp_path: Path) -> None:
    shell = ["sh", "-c", "setsid sleep 60 > /dev/null & echo $!"]
    left = int(subprocess.run(shell, stdout=subprocess.PIPE, check=True).stdout)
    mark = processes.start_mark(left)
    gone = {"pid": os.getpid(), "mark": "another start"}
    _record(tmp_path, supervisor=gone, children=[{"pid": left, "mark": mark}])

    with state.only_supervisor(tmp_path):
        assert not processes.is_running(left, mark)
