"""`make test` and its like: see to a RabbitMQ for the tests, then run pytest.

All of the tests run in two processes side by side, each with a broker of its own: the machine's
second core nearly halves the time. (pytest-xdist would do it, but hangs where eventlet has
replaced the threads it talks through.) With arguments, or on the broker that AMQP_URI names, it is
one process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from typing import IO

from scripts import broker, compose, postgres
from scripts.paths import ROOT
from scripts.report import ToolError, run_main


def prepare_broker() -> None:
    """Make sure that the tests can have a broker: AMQP_URI, or one that they start themselves.

    Raises: ToolError when they can't.
    """
    if broker.check_given() is not None or broker.make_sure_rabbitmq_is_installed():
        return
    if compose.find_compose() is None:
        raise ToolError(broker.NO_BROKER)


BESIDE = ("tests/browser", "tests/e2e")
_FIRST = ("tests/component", "tests/unit")
_THEN = ("tests", *(f"--ignore={folder}" for folder in (*_FIRST, *BESIDE)))
IN_TURN = (_FIRST, _THEN)
"""What is run one after the other, while BESIDE runs beside it: that takes about the same time."""


def run_side_by_side() -> int:
    """Run all tests; output comes as it is made, that of BESIDE in the end.

    Returns: the worst of the exit codes.
    """
    pytest = [sys.executable, "-m", "pytest"]
    with contextlib.ExitStack() as stack:
        process, output = _begun([*pytest, *BESIDE], stack)
        codes = [subprocess.call([*pytest, *part]) for part in IN_TURN]
        codes.append(process.wait())
        output.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(output.read())
        sys.stdout.flush()
    return max(codes, key=abs)


def _begun(
    command: list[str], stack: contextlib.ExitStack
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start a command whose output is kept; it ends with the stack."""
    output = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is the stack's
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )

    def end() -> None:
        if process.poll() is None:
            process.terminate()
            process.wait()

    stack.callback(end)
    return process, output


def main() -> int:
    """Run pytest with this command's arguments."""
    prepare_broker()
    os.chdir(ROOT)
    if len(sys.argv) == 1 and not os.environ.get("AMQP_URI"):
        postgres.make_sure_postgres_is_installed()  # by one of the two, not by both at once
        return run_side_by_side()
    return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]])


if __name__ == "__main__":
    run_main(main)
