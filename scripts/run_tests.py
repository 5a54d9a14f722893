"""`make test` and its like: see to a RabbitMQ for the tests, then run pytest.

All of the tests run in two processes side by side, each with a broker of its own: the machine's
second core halves the time. (pytest-xdist would do it, but hangs where eventlet has replaced the
threads it talks through.) With arguments, or on the broker that AMQP_URI names, it is one process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

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


FIRST_HALF = ("tests/component", "tests/unit")
HALVES = (FIRST_HALF, ("tests", *(f"--ignore={folder}" for folder in FIRST_HALF)))
"""What takes about the same time; what is new is in the second."""


def run_side_by_side() -> int:
    """Run all tests, the first half's output as it comes, the other's after it.

    Returns: the worse of the two exit codes.
    """
    first, second = ([sys.executable, "-m", "pytest", *half] for half in HALVES)
    with tempfile.TemporaryFile() as output:
        behind = subprocess.Popen(
            second, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            codes = [subprocess.call(first), behind.wait()]
        finally:
            if behind.poll() is None:
                behind.terminate()
                behind.wait()
            output.seek(0)
            sys.stdout.flush()
            sys.stdout.buffer.write(output.read())
    return max(codes, key=abs)


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
