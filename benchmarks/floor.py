"""The floor: a stock Nameko service that does nothing, for what Nameko and the broker cost.

AMQP_URI=… WEB_SERVER_ADDRESS=… python -m benchmarks.floor      prints "ready" when it consumes
"""

from __future__ import annotations

import os
import socket
import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402 - the filter must be there before

eventlet.monkey_patch()

from nameko.rpc import rpc  # noqa: E402
from nameko.runners import ServiceRunner  # noqa: E402
from nameko.web.handlers import HttpRequestHandler  # noqa: E402
from nameko.web.server import WebServer  # noqa: E402
from werkzeug.wrappers import Request, Response  # noqa: E402

from benchmarks.workloads import rpc_config  # noqa: E402

_BYTES = os.urandom(1024 * 1024)


class PromptServer(WebServer):  # type: ignore[misc]
    """Nameko's own, but for Nagle's algorithm, which holds an answer's last packet for 40 ms."""

    def start(self) -> None:
        """See WebServer; connections inherit the option."""
        super().start()
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class PromptHandler(HttpRequestHandler):  # type: ignore[misc]
    """Nameko's `@http` on it."""

    server = PromptServer()


http = PromptHandler.decorator


class Floor:
    """Nameko's own entrypoint, as its documentation shows it."""

    name = "benchmark_floor"

    @rpc  # type: ignore[untyped-decorator]
    def echo(self, value: object) -> object:
        """Return what came."""
        return value

    @http("GET", "/bytes/<int:count>")  # type: ignore[untyped-decorator]
    def get_bytes(self, request: Request, count: int) -> Response:  # noqa: ARG002
        """Answer so many bytes, as a cached picture is."""
        return Response(_BYTES[:count], mimetype="image/jpeg")

    @rpc  # type: ignore[untyped-decorator]
    def take(self, value: bytes) -> int:
        """Return how many bytes came: an upload answers few bytes, too."""
        return len(value)


def main() -> None:
    """Serve until a signal ends the process."""
    address = {"WEB_SERVER_ADDRESS": os.environ["WEB_SERVER_ADDRESS"]}
    runner = ServiceRunner(rpc_config(os.environ["AMQP_URI"]) | address)
    runner.add_service(Floor)
    runner.start()
    print("ready", flush=True)
    runner.wait()


if __name__ == "__main__":
    main()
