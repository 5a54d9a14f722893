"""Ask a broker whether it would let us in: the AMQP 0-9-1 opening, by hand.

The tools must know this before any library is installed, and an open port is not enough: RabbitMQ
listens before it answers, and a wrong password shows only in the opening. Source: the AMQP 0-9-1
specification, section 2.2.4.
"""

from __future__ import annotations

import socket
import ssl
import struct
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from scripts.report import ToolError

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_END = b"\xce"
METHOD_FRAME = 1
MAX_FRAME_BYTES = 1 << 20

START, START_OK = (10, 10), (10, 11)
TUNE, TUNE_OK = (10, 30), (10, 31)
OPEN, OPEN_OK = (10, 40), (10, 41)
CLOSE = (10, 50)

Method = tuple[int, int]


class BrokerUnreachable(ToolError):
    """Nothing that speaks AMQP answers at the address."""


class BrokerRefused(ToolError):
    """The broker answers, and refuses the user, the password or the virtual host."""


@dataclass(frozen=True)
class Address:
    """The parts of an AMQP URI, with the defaults that kombu gives them."""

    host: str
    port: int
    user: str
    password: str
    vhost: str
    tls: bool

    def __str__(self) -> str:
        """Return the address for people: never the password."""
        vhost = "" if self.vhost == "/" else f"/{self.vhost}"
        return f"{self.user}@{self.host}:{self.port}{vhost}"


def parse_uri(uri: str) -> Address:
    """Return the parts of `amqp[s]://user:password@host:port/vhost` (also `pyamqp://`).

    Raises: ToolError when it is not such a URI.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as exc:
        raise ToolError(f"AMQP_URI is not a broker's address: {exc}") from exc
    if parts.scheme not in ("amqp", "pyamqp", "amqps"):
        raise ToolError(
            "AMQP_URI is not a broker's address: it must begin with amqp:// or amqps://"
        )
    tls = parts.scheme == "amqps" or "ssl=" in parts.query
    return Address(
        host=parts.hostname or "localhost",
        port=port or (5671 if tls else 5672),
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password if parts.password is not None else "guest"),
        vhost=unquote(parts.path[1:]) or "/",
        tls=tls,
    )


def describe(uri: str) -> str:
    """Return the address or addresses in `uri` for people: never a password."""
    return ", ".join(str(parse_uri(one)) for one in uri.split(";"))


def probe(uri: str, timeout_s: float = 5.0) -> None:
    """Open and close one connection, as a client would.

    Args:
        uri: one address, or those of a cluster separated by `;`: one of them must let us in.
        timeout_s: for the whole opening, per address.
    Raises:
        BrokerUnreachable: nothing speaks AMQP there.
        BrokerRefused: user, password or virtual host are not accepted.
    """
    failure: ToolError | None = None
    for one in uri.split(";"):
        try:
            _probe_one(parse_uri(one), timeout_s)
        except (BrokerUnreachable, BrokerRefused) as exc:
            failure = exc
        else:
            return
    assert failure is not None
    raise failure


def _probe_one(address: Address, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    try:
        with _connect(address, timeout_s) as sock:
            _Opening(sock, address, deadline_s).go_through()
    except ssl.SSLCertVerificationError:
        return  # It answers. Which certificates to trust is a setting of the service, not ours.
    except (OSError, EOFError, struct.error) as exc:
        reason = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
        raise BrokerUnreachable(f"no RabbitMQ answers at {address}: {reason}") from exc


def answers(uri: str, timeout_s: float = 2.0) -> bool:
    """Return whether `probe` succeeds."""
    try:
        probe(uri, timeout_s)
    except ToolError:
        return False
    return True


def _connect(address: Address, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((address.host, address.port), timeout=timeout_s)
    if not address.tls:
        return sock
    return ssl.create_default_context().wrap_socket(sock, server_hostname=address.host)


class _Opening:
    """The opening of one AMQP connection, and its end, by a deadline."""

    def __init__(self, sock: socket.socket, address: Address, deadline_s: float) -> None:
        self._sock = sock
        self._address = address
        self._deadline_s = deadline_s

    def go_through(self) -> None:
        self._sock.sendall(PROTOCOL_HEADER)
        self._expect(START)
        self._send(START_OK, _start_ok(self._address))
        channel_max, frame_max, _ = struct.unpack("!HIH", self._expect(TUNE)[:8])
        self._send(TUNE_OK, struct.pack("!HIH", channel_max, frame_max, 0))
        self._send(OPEN, _short(self._address.vhost) + _short("") + b"\x00")
        self._expect(OPEN_OK)
        self._send(CLOSE, struct.pack("!H", 200) + _short("bye") + struct.pack("!HH", 0, 0))

    def _expect(self, wanted: Method) -> bytes:
        method, arguments = self._receive()
        if method == CLOSE:
            reason = arguments[3 : 3 + arguments[2]].decode("utf-8", "replace")
            raise BrokerRefused(f"the broker refuses {self._address}: {reason}")
        if method != wanted:
            raise EOFError(f"unexpected AMQP method {method}")
        return arguments

    def _receive(self) -> tuple[Method, bytes]:
        header = self._read(7)
        if header.startswith(b"AMQP"):
            raise EOFError("it speaks another version of AMQP")
        kind, _, size = struct.unpack("!BHI", header)
        if kind != METHOD_FRAME or not 4 <= size <= MAX_FRAME_BYTES:
            raise EOFError("it does not speak AMQP")
        payload = self._read(size + 1)
        class_id, method_id = struct.unpack("!HH", payload[:4])
        return (class_id, method_id), payload[4:-1]

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            self._sock.settimeout(max(self._deadline_s - time.monotonic(), 0.001))
            chunk = self._sock.recv(size - len(data))
            if not chunk:
                raise EOFError("it hung up during the AMQP opening")
            data += chunk
        return data

    def _send(self, method: Method, arguments: bytes) -> None:
        payload = struct.pack("!HH", *method) + arguments
        self._sock.sendall(struct.pack("!BHI", METHOD_FRAME, 0, len(payload)) + payload + FRAME_END)


def _start_ok(address: Address) -> bytes:
    # Without this capability RabbitMQ answers a wrong password by hanging up.
    capability = _short("authentication_failure_close") + b"t\x01"
    properties = _short("capabilities") + b"F" + _long(capability)
    login = f"\0{address.user}\0{address.password}".encode()
    return _long(properties) + _short("PLAIN") + _long(login) + _short("en_US")


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _long(data: str | bytes) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return struct.pack("!I", len(raw)) + raw
