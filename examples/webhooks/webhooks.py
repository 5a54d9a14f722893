"""A Nameko service that posts image_service's events to a URL, signed as standardwebhooks.com says.

pip install standardwebhooks requests
nameko run --config config.yaml webhooks
"""

from __future__ import annotations

import json
import logging
import os
import time
from datetime import datetime, timezone
from typing import Any

import requests
from nameko.events import event_handler
from nameko.extensions import DependencyProvider
from standardwebhooks import Webhook

_log = logging.getLogger(__name__)

_TIMEOUTS_S = (5, 15)  # to connect, and for each piece of the answer
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0


class NotTaken(Exception):
    """Raised when the receiver did not answer 2xx: the event goes back to its queue."""


class Receiver:
    """Who is told."""

    def __init__(
        self, url: str, secret: str, *, give_up_after_s: float, types: frozenset[str]
    ) -> None:
        """Args:
        secret: whsec_ and what signs, in base64; the receiver has the same.
        give_up_after_s: how old an event becomes that is not taken.
        types: events that are told; all for none.
        """
        self._url = url
        self._signer = Webhook(secret)
        self._give_up_after_s = give_up_after_s
        self._types = types
        self._session = requests.Session()

    def tell(self, event: dict[str, Any]) -> None:
        """Post an event. Raises: NotTaken, after a pause that grows with the event's age."""
        if self._types and event["eventType"] not in self._types:
            return
        problem = self._post(event)
        if not problem:
            return
        occurred = datetime.fromisoformat(event["occurredAt"].replace("Z", "+00:00"))
        age_s = (datetime.now(timezone.utc) - occurred).total_seconds()
        if age_s > self._give_up_after_s:
            _log.error("gave up %s of %s: %s", event["eventId"], event["imageId"], problem)
            return
        # One attempt each time, so that the service can stop, and RabbitMQ need not wonder.
        time.sleep(min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, age_s / 10)))
        raise NotTaken(problem)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _post(self, event: dict[str, Any]) -> str:
        """Return what went wrong, "" for nothing."""
        body, now = json.dumps(event), datetime.now(timezone.utc)
        headers = {
            "content-type": "application/json",
            "webhook-id": event["eventId"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(event["eventId"], now, body),
        }
        try:
            reply = self._session.post(
                self._url,
                data=body.encode(),
                headers=headers,
                timeout=_TIMEOUTS_S,
                allow_redirects=False,
                stream=True,  # what it says is not read
            )
        except requests.RequestException as exc:
            return type(exc).__name__
        reply.close()
        return "" if reply.ok and not reply.is_redirect else f"it answered {reply.status_code}"


class ReceiverProvider(DependencyProvider):
    """The receiver that the configuration names."""

    _receiver: Receiver

    def setup(self) -> None:
        config = self.container.config
        self._receiver = Receiver(
            config["webhook_url"],
            config["webhook_secret"],
            give_up_after_s=float(config.get("give_up_after_s", 3 * 86_400)),
            types=frozenset(config.get("webhook_events") or ()),
        )

    def stop(self) -> None:
        self._receiver.close()

    def get_dependency(self, worker_ctx: Any) -> Receiver:  # noqa: ARG002
        return self._receiver


class Webhooks:
    """Tells one receiver of what happens to images; each has a queue, so a name, of its own."""

    name = os.environ.get("WEBHOOK_NAME", "webhooks")

    receiver = ReceiverProvider()

    @event_handler(
        "image_service",
        "*",
        reliable_delivery=True,
        requeue_on_error=True,
        expected_exceptions=NotTaken,
    )
    def relay(self, event: dict[str, Any]) -> None:
        """Tell of an event, or let it come again."""
        self.receiver.tell(event)
