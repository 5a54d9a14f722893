"""A real Prometheus scrapes a real service, and every panel of the dashboard shows something."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.paths import ROOT
from scripts.rabbitmq import free_ports
from tests.component.harness import wait_until
from tests.component.pictures import noise, picture
from tests.e2e.processes import Site

FOLDER = ROOT / "docs" / "monitoring"
CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [RULES]
scrape_configs:
  - job_name: image_service
    static_configs: [{targets: ["localhost:PORT"]}]
"""
# Nothing of the kind happens in so short a time.
NOTHING_YET = {"Verified", "Images damaged or missing"}

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="prometheus is not installed"
)


class Prometheus:
    """A Prometheus process."""

    def __init__(self, port: int) -> None:
        self._url = f"http://localhost:{port}/api/v1/"

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self._url}{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as exc:
            raise AssertionError(exc.read().decode()) from None

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, AssertionError):  # it starts
            return bool(self.ask("query", query="up == 1")["result"])
        return False


@contextlib.contextmanager
def prometheus(folder: Path, service_port: int) -> Iterator[Prometheus]:
    folder.mkdir()
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    text = CONFIG.replace("RULES", str(FOLDER / "alerts.yml")).replace("PORT", str(service_port))
    config.write_text(text)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=localhost:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        made = Prometheus(port)
        wait_until(made.is_up, 60, "Prometheus does not scrape")
        yield made
    finally:
        process.terminate()
        process.wait(timeout=20)


def filled(expression: str) -> str:
    """Return an expression as Grafana sends it: with the dashboard's variables filled in."""
    for name, value in {"job": ".*", "instance": ".*", "__rate_interval": "30s"}.items():
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression.replace("$1", ""), expression
    return expression


def use(site: Site) -> None:
    """Do something of every kind that the dashboard shows."""
    with site.rpc() as rpc:
        reply = rpc.upload_image(noise(300), "a.png")
        rpc.upload_image(b"no picture", "a.png")
        rpc.update_image(reply["imageId"], tags=["a"])
        rpc.health_check()
    for path in (f"/images/{reply['imageId']}", f"/img/insecure/w:9/plain/{reply['imageId']}"):
        assert site.status(path) == 200
        assert site.status(path) == 200
    with site.rpc() as rpc:
        rpc.delete_image(rpc.upload_image(picture("png"), "b.png")["imageId"])
    assert site.status("/images/img_1700000000000_0123456789abcdef") == 404


def test_every_panel_shows_something(tmp_path: Path, broker_uri: str) -> None:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel.get("targets")]
    assert len(panels) > 30
    site = Site(tmp_path / "site", broker_uri)
    with site.running(), prometheus(tmp_path / "prometheus", site.port) as asked:

        def empty() -> list[str]:
            use(site)
            return [
                panel["title"]
                for panel in panels
                if not any(
                    asked.ask("query", query=filled(target["expr"]))["result"]
                    for target in panel["targets"]
                )
            ]

        wait_until(lambda: set(empty()) <= NOTHING_YET, 60, "a panel stays empty")
        rules = asked.ask("rules")["groups"]
        told = [rule for group in rules for rule in group["rules"]]
        assert len(told) > 15
        wait_until(lambda: {"ok"} == health(asked), 20)


def health(asked: Prometheus) -> set[str]:
    """Return how the evaluations of the alert rules went."""
    groups = asked.ask("rules")["groups"]
    return {rule["health"] for group in groups for rule in group["rules"]}
