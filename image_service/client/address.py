"""Where the broker is: what was said, what the environment says, what runs here."""

from __future__ import annotations

DEFAULT_AMQP_URI = "pyamqp://guest:guest@localhost"
