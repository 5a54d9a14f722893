"""Dashboard and alerts name what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from scripts import metrics_docs
from scripts.paths import ROOT

FOLDER = ROOT / "docs" / "monitoring"
NAME = re.compile(r"\b(?:image_service|process|python_gc)_[a-z_]+")
# Label values and the job that a Prometheus calls us by.
NO_METRICS = {"image_service"}


def _exported() -> set[str]:
    names = set()
    for family in metrics_docs.ours():
        if family.type == "counter":
            names.add(f"{family.name}_total")
        elif family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
        else:
            names.add(family.name)
    return names


def _dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return found


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _expressions() -> Iterator[str]:
    for panel in _dashboard()["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (each["query"]["query"] for each in _dashboard()["templating"]["list"][1:])
    yield from (rule["expr"] for rule in _rules())


def test_dashboard_and_alerts_use_metrics_that_the_service_exports() -> None:
    used = {name for expr in _expressions() for name in NAME.findall(expr)} - NO_METRICS
    assert len(used) > 30
    assert used <= _exported()


def test_every_metric_of_ours_is_on_the_dashboard_or_in_an_alert() -> None:
    used = {name for expr in _expressions() for name in NAME.findall(expr)}
    unseen = {
        family.name
        for family in metrics_docs.ours()
        if family.name.startswith("image_service_")
        and not any(name.startswith(family.name) for name in used)
    }
    assert unseen == set()


def _differences(mine: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield where something of mine is not in theirs."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key, value in mine.items():
            if key in theirs:
                yield from _differences(value, theirs[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for place, pair in enumerate(zip(mine, theirs, strict=True)):
            yield from _differences(*pair, f"{path}[{place}]")
    elif mine != theirs:
        yield f"{path}: {mine!r}, not {theirs!r}"


def test_grafanas_own_types_take_all_of_the_dashboard() -> None:
    register_default_plugins()
    read = Dashboard.from_json(_dashboard())
    assert list(_differences(_dashboard(), json.loads(JSONEncoder().encode(read)))) == []
    assert read.panels


def test_panels_stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in _dashboard()["panels"]]
    assert len(ids) == len(set(ids))
    for panel in _dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_alert_says_what_it_is_and_what_to_do_and_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    for rule in _rules():
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert len(rule["annotations"]["action"]) > 30
        short = rule["alert"].removeprefix("ImageService")
        assert f"`{rule['alert']}`" in page or f"`…{short}`" in page, rule["alert"]


def test_every_alert_fires_in_a_test_of_its_own() -> None:
    tests = (FOLDER / "alerts_test.yml").read_text()
    assert {rule["alert"] for rule in _rules()} == set(re.findall(r"ImageService\w+", tests))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_the_rules_and_their_tests_pass() -> None:
    for command in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run(
            ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_table_in_the_docs_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["metrics_docs", "--check"])
    assert metrics_docs.main() == 0
