"""The floor: a stock Nameko service that does nothing, for what Nameko and the broker cost.

AMQP_URI=… python -m benchmarks.floor      prints "ready" when it consumes
"""

from __future__ import annotations

import os
import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402 - the filter must be there before

eventlet.monkey_patch()

from nameko.rpc import rpc  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402

from benchmarks.workloads import rpc_config  # noqa: E402


class Floor:
    """Nameko's own entrypoint, as its documentation shows it."""

    name = "benchmark_floor"

    @rpc  # type: ignore[untyped-decorator]
    def echo(self, value: object) -> object:
        """Return what came."""
        return value

    @rpc  # type: ignore[untyped-decorator]
    def take(self, value: bytes) -> int:
        """Return how many bytes came: an upload answers few bytes, too."""
        return len(value)


def main() -> None:
    """Serve until a signal ends the process."""
    runner = ServiceRunner(rpc_config(os.environ["AMQP_URI"]))
    runner.add_service(Floor)
    runner.start()
    print("ready", flush=True)
    runner.wait()


if __name__ == "__main__":
    main()
