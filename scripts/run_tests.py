"""`make test` and its like: see to a RabbitMQ for the tests, then run pytest.

All of the tests run in three lanes side by side, each with a broker of its own: much of their time
is waiting, and the machine may have a second core. (pytest-xdist would do it, but hangs where
eventlet has replaced the threads it talks through.) With arguments, or on the broker that AMQP_URI
names, it is one process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
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


_PAGES = "tests/e2e/test_docs.py"
_FIRST = (("tests/unit",), ("tests/component",))
_SECOND = (("tests/e2e", f"--ignore={_PAGES}"),)
_BROWSERS = ("tests/browser", _PAGES)
# Hostile pictures, which are held to a time, come when other lanes are about to end.
_HOSTILE = ("tests/corpus", "tests/scripts")
_FOLDERS = {path for part in (*_FIRST, *_SECOND, _BROWSERS, _HOSTILE) for path in part}
_REST = ("tests", *(f"--ignore={path}" for path in sorted(_FOLDERS) if path.count("/") == 1))
LANES = (_FIRST, _SECOND, (_BROWSERS, _REST, _HOSTILE))
"""What runs side by side, each lane's parts one after the other: they take about the same time."""


def run_side_by_side() -> int:
    """Run all tests; the first lane's output comes as it is made, that of the others in the end.

    Returns: the worst of the exit codes.
    """
    with contextlib.ExitStack() as stack:
        first, *others = [Lane(parts, stack) for parts in LANES]
        for lane in others:
            lane.begin()
        first.run(None)
        for lane in others:
            lane.end()
        return max((code for lane in (first, *others) for code in lane.codes), key=abs)


class Lane:
    """Parts of the tests, one after the other.

    Attributes:
        codes: how those that have ended ended.
    """

    def __init__(self, parts: Sequence[Sequence[str]], stack: contextlib.ExitStack) -> None:
        """Args: stack: with its end it ends, too."""
        self._parts = parts
        self._stack = stack
        self._output: IO[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self.codes: list[int] = []
        stack.callback(self._stop)

    def begin(self) -> None:
        """Run it beside others; its output is kept."""
        output = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
        self._output = self._stack.enter_context(output)
        self._thread = threading.Thread(target=self.run, args=(self._output,))
        self._thread.start()

    def end(self) -> None:
        """Wait for the end of what begin() began, and print its output."""
        assert self._thread
        assert self._output
        self._thread.join()
        self._output.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(self._output.read())
        sys.stdout.flush()

    def run(self, output: IO[bytes] | None) -> None:
        """Run it here. Args: output: where it is kept; None: it comes as it is made."""
        for part in self._parts:
            if self._is_over:
                return
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *part],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
            )
            self.codes.append(self._process.wait())

    def _stop(self) -> None:
        self._is_over = True
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def main() -> int:
    """Run pytest with this command's arguments."""
    # What a script begins with & ignores Ctrl-C, as do its children, also those tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prepare_broker()
    os.chdir(ROOT)
    if len(sys.argv) == 1 and not os.environ.get("AMQP_URI"):
        postgres.make_sure_postgres_is_installed()  # by one, not by all lanes at once
        return run_side_by_side()
    return subprocess.call([sys.executable, "-m", "pytest", *sys.argv[1:]])


if __name__ == "__main__":
    run_main(main)
