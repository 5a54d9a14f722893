"""How to reach object storage, and who asks: the settings, then the usual chain.

Environment (AWS_ACCESS_KEY_ID and so on), the shared files of ~/.aws, and what the library finds
by itself: web identities, containers' and instances' roles. Google's and Azure's: what the library
finds in the environment (GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME and so on).
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ...errors import StorageUnavailable
from ...settings import Settings

_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.05, 2.0
# Of the time there is for all of it: the last request may begin when the rest of it is over.
_REQUEST_SHARE = 0.6
_CONNECT_S = 5.0
_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Where object storage is and who asks for it.

    endpoint_url, region, addressing, key_id, secret, session_token: of S3 alone. azure_url: where
    Azure's is, if not where everybody's is. timeout_s: for all tries of one request.
    """

    endpoint_url: str = ""
    azure_url: str = ""
    region: str = ""
    addressing: str = "path"
    key_id: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    ca_file: Path | None = None
    verifies_tls: bool = True
    timeout_s: float = 20.0
    multipart_bytes: int = 64 * 1024 * 1024

    @property
    def retry_s(self) -> float:
        """For how long another try may begin."""
        return self.timeout_s * (1 - _REQUEST_SHARE)

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """Return what the settings say, completed by what the machine's environment has."""
        found = _chain(os.environ)
        key_id = settings.s3_access_key_id.get_secret_value()
        mine = {
            "aws_access_key_id": key_id,
            "aws_secret_access_key": settings.s3_secret_access_key.get_secret_value(),
        }
        keys = mine if key_id else found
        return cls(
            endpoint_url=settings.s3_endpoint_url,
            azure_url=_azure_url(os.environ),
            region=settings.s3_region or found.get("region", ""),
            addressing=settings.s3_addressing,
            key_id=keys.get("aws_access_key_id", ""),
            secret=keys.get("aws_secret_access_key", ""),
            session_token=keys.get("aws_session_token", ""),
            ca_file=settings.s3_ca_path,
            verifies_tls=settings.s3_verify_tls,
            timeout_s=settings.s3_timeout_s,
            multipart_bytes=settings.s3_multipart_bytes,
        )

    def s3_options(self, bucket: str) -> dict[str, Any]:
        """Return what obstore's S3Store takes. Raises: StorageUnavailable."""
        told = {
            "region": self.region or _DEFAULT_REGION,
            "endpoint": self._endpoint(bucket),
            "access_key_id": self.key_id,
            "secret_access_key": self.secret,
            "session_token": self.session_token,
        }
        return {
            **{key: value for key, value in told.items() if value},
            "virtual_hosted_style_request": self.addressing == "virtual",
            "checksum_algorithm": "sha256",
            **self.common_options(self.endpoint_url),
        }

    def azure_options(self) -> dict[str, Any]:
        """Return what its AzureStore takes. Raises: StorageUnavailable."""
        endpoint = {"endpoint": self.azure_url} if self.azure_url else {}
        return {**endpoint, **self.common_options(self.azure_url)}

    def common_options(self, endpoint_url: str = "") -> dict[str, Any]:
        """Return what all of its stores take. Raises: StorageUnavailable."""
        return {
            "client_options": self._client_options(endpoint_url),
            "retry_config": {
                "max_retries": 10,
                "retry_timeout": timedelta(seconds=self.retry_s),
                "backoff": {
                    "init_backoff": timedelta(seconds=_FIRST_BACKOFF_S),
                    "max_backoff": timedelta(seconds=_LAST_BACKOFF_S),
                    "base": 2,
                },
            },
        }

    def _endpoint(self, bucket: str) -> str:
        if not self.endpoint_url or self.addressing != "virtual":
            return self.endpoint_url
        parts = urlsplit(self.endpoint_url)
        return urlunsplit(parts._replace(netloc=f"{bucket}.{parts.netloc}"))

    def _client_options(self, endpoint_url: str) -> dict[str, Any]:
        options: dict[str, Any] = {
            "allow_http": endpoint_url.startswith("http://"),
            "timeout": timedelta(seconds=self.timeout_s * _REQUEST_SHARE),
            "connect_timeout": timedelta(seconds=min(_CONNECT_S, self.timeout_s / 4)),
            "user_agent": "image_service",
        }
        if not self.verifies_tls:
            options["allow_invalid_certificates"] = True
        if self.ca_file:
            try:
                options["root_certificate"] = self.ca_file.read_bytes()
            except OSError as exc:
                raise StorageUnavailable(f"s3_ca_path cannot be read: {exc.strerror}") from exc
        return options


def _azure_url(environment: Mapping[str, str]) -> str:
    return environment.get("AZURE_STORAGE_ENDPOINT") or environment.get("AZURE_ENDPOINT") or ""


def _chain(environment: Mapping[str, str]) -> dict[str, str]:
    """Return keys and region as the environment or the shared files have them."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    profile = environment.get("AWS_PROFILE") or "default"
    home = Path.home() / ".aws"
    files = (
        (environment.get("AWS_CONFIG_FILE") or home / "config", f"profile {profile}"),
        (environment.get("AWS_CONFIG_FILE") or home / "config", profile),
        (environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials", profile),
    )
    found: dict[str, str] = {}
    for path, section in files:
        found.update(_section(Path(path), section))
    if region:
        found["region"] = region
    if environment.get("AWS_ACCESS_KEY_ID"):
        for key in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
            found[key] = environment.get(key.upper(), "")
    return found


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        return dict(parser[name]) if parser.has_section(name) else {}
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
