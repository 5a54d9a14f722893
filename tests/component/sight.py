"""Reads what an operator sees of a service."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from image_service.sight import logs
from tests.component.harness import Service

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(service: Service) -> Callable[..., float]:
    """Return what /metrics tells, as a function of a name and labels; 0 for what is not there."""
    answer, body = service.get("/metrics")
    assert answer.status == 200
    samples: Samples = {
        (sample.name.removeprefix("image_service_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    return lambda name, **labels: samples.get((name, frozenset(labels.items())), 0)


class Lines(logging.Handler):
    """Keeps what is logged, as programs read it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JsonFormatter())
        self.told: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(json.loads(self.format(record)))

    def of(self, **fields: object) -> list[dict[str, Any]]:
        return [line for line in self.told if fields.items() <= line.items()]
