"""`make dev`: as `make run`, and the service starts anew when its code or config.yaml changes."""

from __future__ import annotations

from watchfiles import PythonFilter, watch

from scripts import system
from scripts.paths import CONFIG, ROOT
from scripts.report import ToolError, run_main, say
from scripts.run import next_steps
from scripts.service import Service, ServiceFailed

SERVICE_CODE = ROOT / "image_service"


def restart(service: Service) -> None:
    """Start the service anew; one that cannot run is said so and waits for the next change."""
    service.stop()
    service.start()
    try:
        service.wait_until_ready()
        say("Ready again.")
    except ServiceFailed:
        say("The service cannot run like this; waiting for the next change ...")
    except ToolError as exc:
        say(f"{exc}; waiting for the next change ...")


def main() -> int:
    """Run and restart until asked to stop."""
    try:
        with system.stop_signals_raise(), system.started() as running:
            say(next_steps(running))
            say(f"Watching {SERVICE_CODE.name}/ and {CONFIG.name} ...")
            chosen = PythonFilter(extra_extensions=[".yaml", ".html", ".css", ".js"])
            for changes in watch(SERVICE_CODE, CONFIG, watch_filter=chosen):
                names = sorted({path.rsplit("/", 1)[-1] for _, path in changes})
                say(f"Changed: {', '.join(names)}")
                restart(running.service)
    except (system.Stopped, KeyboardInterrupt):  # watchfiles turns any signal into the latter
        say("Stopped.")
    except ServiceFailed as failed:
        return failed.exit_code
    return 0


if __name__ == "__main__":
    run_main(main)
