"""`make shell`: a nameko shell on the running service."""

from __future__ import annotations

import os
import sys
import warnings

from scripts import amqp, running
from scripts.paths import CONFIG
from scripts.report import ToolError, run_main, say


def main() -> int:
    """Run `nameko shell`, told where the broker is and to be quiet about Eventlet."""
    uri = running.amqp_uri()
    if not running.answers(uri):
        raise ToolError(f"no image_service runs on {amqp.describe(uri)}: start one with make run")
    say("Try: n.rpc.image_service.health_check()")
    os.environ["AMQP_URI"] = uri  # config.yaml takes it from there
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    from nameko.cli.main import main as nameko

    sys.argv = ["nameko", "shell", "--config", str(CONFIG)]
    nameko()
    return 0


if __name__ == "__main__":
    run_main(main)
