"""AMQP_SSL: how a connection to RabbitMQ is encrypted, and what its server must show.

py-amqp believes any name in a certificate unless it is told which to expect. Here the server is
verified, name included, wherever that is not ruled out in so many words.
"""

from __future__ import annotations

import difflib
import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FILES = ("ca_certs", "certfile", "keyfile")
_KEYS = (*_FILES, "cert_reqs", "server_hostname", "ciphers")
_CERT_REQS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_ENCRYPTED = "amqps://"


class TlsOptions(dict[str, Any]):
    """The options as kombu takes them.

    kombu puts in the name of the host that it connects to where there is none, once. Of several
    hosts each has a name of its own: so it finds none again and again.
    """

    def __getitem__(self, key: str) -> Any:
        """See dict."""
        return None if key == "server_hostname" else super().__getitem__(key)


def several(uri: object) -> str:
    """Return AMQP_URI as one text; a list of hosts is separated by semicolons."""
    if isinstance(uri, Sequence) and not isinstance(uri, (str, bytes)):
        return ";".join(map(str, uri))
    return str(uri or "")


def ready(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return config with AMQP_URI and AMQP_SSL as Nameko and kombu take them.

    Args: folder: where paths of AMQP_SSL begin.
    Raises: ValueError that says what is wrong with AMQP_SSL.
    """
    uri = several(config.get("AMQP_URI"))
    tls = options(config.get("AMQP_SSL"), uri, folder)
    return {**config, **({"AMQP_URI": uri} if uri else {}), "AMQP_SSL": tls}


def options(value: object, uri: str, folder: Path) -> Mapping[str, Any] | None:
    """Return AMQP_SSL as kombu takes it, None for a connection that is not encrypted.

    Args:
        value: the key's value: a mapping, that as JSON, true for the system's authorities.
        uri: AMQP_URI; amqps:// asks for encryption by itself. folder: where paths begin.
    Raises: ValueError that says what is wrong.
    """
    if isinstance(value, TlsOptions):
        return value
    wanted = _mapping(value)
    if wanted is None:
        if _ENCRYPTED not in uri:
            return None
        wanted = {}
    _refuse_unknown(wanted)
    told: dict[str, Any] = {key: each for key, each in wanted.items() if each not in (None, "")}
    for key in _FILES:
        if key in told:
            told[key] = _readable(key, folder / str(told[key]))
    if "keyfile" in told and "certfile" not in told:
        raise ValueError("keyfile needs certfile, the certificate that the key is of")
    told["cert_reqs"] = _requirement(told.get("cert_reqs", "required"))
    if told["cert_reqs"] == ssl.CERT_NONE:
        told.pop("server_hostname", None)
        return told
    if "server_hostname" in told:
        return told
    return TlsOptions(told, server_hostname=None)


def _mapping(value: object) -> Mapping[str, Any] | None:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError("must be true, a mapping as {ca_certs: ca.pem}, or JSON") from None
    if value in (None, "", False) or (isinstance(value, str) and not value.strip()):
        return None
    if value is True:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("must be true, a mapping as {ca_certs: ca.pem}, or JSON")  # noqa: TRY004
    return value


def _refuse_unknown(wanted: Mapping[str, Any]) -> None:
    for key in wanted:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KEYS)}"
            raise ValueError(f"unknown option {key!r} ({hint})")


def _readable(key: str, path: Path) -> str:
    try:
        path.read_bytes()
    except OSError as exc:
        raise ValueError(f"{key} {path.name!r} cannot be read: {exc.strerror}") from None
    return str(path)


def _requirement(value: object) -> ssl.VerifyMode:
    if isinstance(value, ssl.VerifyMode):
        return value
    word = str(value).lower().removeprefix("cert_")
    for name, mode in _CERT_REQS.items():
        if word in (name, str(int(mode))):
            return mode
    raise ValueError(f"cert_reqs must be required, optional or none, not {value!r}")


def certificate_problem(exc: BaseException) -> str:
    """Return why the two ends do not believe each other, "" where it is not about that."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {exc.verify_message}"
    if isinstance(exc, ssl.SSLError):
        reason = str(exc.reason or "").replace("_", " ").lower()
        return f"no encrypted connection: {reason or 'TLS failed'}"
    return ""
