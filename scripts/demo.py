"""`make demo`: the whole job once on real photos, through a real broker; exit code 0 if it works.

Uses the service that runs; when none does, starts broker and service for as long as it takes.
"""

from __future__ import annotations

import os
import warnings

from rich.console import Console

from scripts import ports, running, system
from scripts.paths import RUN_DIR
from scripts.report import ToolError, run_main, say
from scripts.service import ServiceFailed

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

from scripts.demo_story import tell  # noqa: E402 (it imports nameko: see the filter)

DEFAULT_HTTP_PORT = 3001


def own_settings() -> dict[str, str]:
    """Return settings for a service of the demo's own: a free port if the default one is taken."""
    if "IMAGE_SERVICE_PORT" in os.environ or ports.is_free(DEFAULT_HTTP_PORT):
        return {}
    return {"IMAGE_SERVICE_PORT": str(ports.free_ports(1)[0])}


def something_runs(uri: str) -> bool:
    """Return whether a service takes calls there; a broker we were told of must at least answer."""
    try:
        return running.answers(uri)
    except ToolError:
        if "AMQP_URI" in os.environ:
            raise
        return False


def demonstrate(console: Console) -> None:
    """Tell the story to the service that runs, or to one started for it."""
    uri = running.amqp_uri()
    if something_runs(uri):
        say("Using the service that runs already.")
        tell(console, uri)
        return
    log = RUN_DIR / "demo.log"
    say(f"No service runs: starting one for the demo (its log: {log}).")
    with system.started(own_settings(), log) as started:
        tell(console, started.amqp_uri)


def main() -> int:
    """Demonstrate, and translate how it ended into an exit code."""
    # A log or a pipe has no width of its own; 80 columns would fold urls.
    console = Console(width=None if os.isatty(1) else 100, highlight=False)
    try:
        with system.stop_signals_raise():
            demonstrate(console)
    except system.Stopped:
        say("Stopped.")
        return 130
    except ServiceFailed as failed:
        return failed.exit_code
    return 0


if __name__ == "__main__":
    run_main(main)
