"""What deploy/ and docker-compose.yml say is what the programs they are for can read."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from image_service.serve import load
from image_service.settings import Settings
from scripts import check_units
from scripts.paths import CONFIG, ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KUBERNETES_VERSION = "1.33"
COMPOSE = ROOT / "docker-compose.yml"
UNIT = (DEPLOY / "systemd" / "image-service.service").read_text(encoding="utf-8")
OF_COMPOSE = {"IMAGE_SERVICE_EXTRAS", "IMAGE_SERVICE_REPLICAS"}
DEFAULTS = Settings()
STOPS_WITHIN_S = 2 * DEFAULTS.shutdown_timeout_s + 10
VARIABLE = re.compile(r"\bIMAGE_SERVICE_[A-Z0-9_]+")


def _compose() -> dict[str, Any]:
    # Nameko teaches yaml.safe_load, for good, to fill in environment variables.
    found: dict[str, Any] = yaml.load(COMPOSE.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return found


def _manifests(*paths: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in paths or sorted(KUBERNETES.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if not document["apiVersion"].startswith("kustomize.config.k8s.io/"):
                yield path, document


def _validate(manifest: dict[str, Any]) -> None:
    if not manifest["apiVersion"].startswith("monitoring.coreos.com/"):  # a custom resource
        kubernetes_validate.validate(manifest, KUBERNETES_VERSION, strict=True)


def _pods() -> list[tuple[str, dict[str, Any]]]:
    return [
        (each["kind"], each["spec"]["template"]["spec"])
        for _, each in _manifests()
        if each["kind"] in ("Deployment", "StatefulSet")
    ]


def test_compose_can_read_its_file() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_a_profile_there_are_the_service_and_its_broker() -> None:
    services = _compose()["services"]
    assert {name for name, each in services.items() if not each.get("profiles")} == {
        "rabbitmq",
        "image_service",
    }
    assert set(services["image_service"]["depends_on"]) == {"rabbitmq"}
    assert "${IMAGE_SERVICE_CATALOGUE_URL:-}" in COMPOSE.read_text(encoding="utf-8")


def test_every_variable_of_the_clusters_file_is_used_by_compose() -> None:
    lines = (DEPLOY / "compose" / "cluster.env").read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    text = COMPOSE.read_text(encoding="utf-8")
    assert {name for name in names if f"${{{name}:-" not in text} == {"COMPOSE_PROFILES"}


def test_images_of_others_are_pinned() -> None:
    images = {each["image"] for each in _compose()["services"].values()} - {"image-service"}
    assert images
    assert [image for image in images if not re.search(r":\d+\.\d+", image)] == []


def test_kubernetes_can_read_each_manifest() -> None:
    kinds = set()
    for path, manifest in _manifests():
        try:
            _validate(manifest)
        except kubernetes_validate.ValidationError as exc:
            pytest.fail(f"{path.relative_to(ROOT)}: {'.'.join(map(str, exc.path))}: {exc.message}")
        kinds.add(manifest["kind"])
    assert {"Deployment", "StatefulSet", "Service", "HorizontalPodAutoscaler"} <= kinds
    assert {"PodDisruptionBudget", "NetworkPolicy", "Secret", "ServiceMonitor"} <= kinds


def test_kustomizations_name_files_that_are_there() -> None:
    pages = sorted(KUBERNETES.rglob("kustomization.yaml"))
    assert len(pages) == 4
    for page in pages:
        found = yaml.safe_load(page.read_text(encoding="utf-8"))
        maps = found.get("configMapGenerator", [])
        named = [*found["resources"], *(env for each in maps for env in each["envs"])]
        assert [name for name in named if not (page.parent / name).exists()] == []
        beside = {p.name for p in page.parent.iterdir()} - {page.name}
        assert beside <= set(named)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("way", ["cluster", "single"])
def test_kustomize_makes_of_them_what_kubernetes_can_read(way: str) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", KUBERNETES / way], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    for manifest in made:
        _validate(manifest)
    (settings,) = (each["data"] for each in made if each["kind"] == "ConfigMap")
    assert settings["IMAGE_SERVICE_CACHE_DIR"] in ("/cache", "/data/cache")
    assert settings["IMAGE_SERVICE_LOG_FORMAT"] == "json"


def test_pods_have_no_rights_that_they_do_not_need() -> None:
    user = re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    assert len(_pods()) == 2
    for _, pod in _pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == int(user[1])
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {each["mountPath"] for each in container["volumeMounts"]}
        assert {"/data", "/tmp"} <= mounted


def test_what_pods_mount_is_where_the_service_writes() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    of_image = re.findall(r"^VOLUME (\S+)$", dockerfile, re.MULTILINE)
    for kind, pod in _pods():
        mounts = pod["containers"][0]["volumeMounts"]
        mounted = {each["mountPath"] for each in mounts}
        # A runtime mounts a volume of its own there otherwise, which goes with the container.
        assert set(of_image) <= mounted, kind
        # What it makes above a file that it mounts is root's.
        above = {str(Path(each["mountPath"]).parent) for each in mounts if "subPath" in each}
        assert above <= mounted, kind


def test_compose_hands_on_what_reaches_storage_elsewhere() -> None:
    handed_on = _compose()["services"]["image_service"]["environment"]
    config = yaml.load(CONFIG.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for name in (
        "IMAGE_SERVICE_CATALOGUE_URL",
        "IMAGE_SERVICE_CATALOGUE_REPLICA_URL",
        "IMAGE_SERVICE_RPC_QUEUE_TYPE",
        *(f"IMAGE_SERVICE_S3_{each}" for each in ("ORIGINALS", "REGION", "ADDRESSING", "VARIANTS")),
    ):
        default = re.fullmatch(rf"\$\{{{name}:-(.*)\}}", handed_on[name])
        assert default, name
        assert f"${{{name}:{default[1]}}}" in config.values(), name
    # Not by its own name: a shell may have that of a broker on this machine.
    assert handed_on["AMQP_URI"] == "${RABBITMQ_URI:-pyamqp://guest:guest@rabbitmq}"


def test_whoever_stops_the_service_waits_for_it() -> None:
    for kind, pod in _pods():
        hook = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert pod["terminationGracePeriodSeconds"] >= STOPS_WITHIN_S + int(hook[1]), kind
    grace = _compose()["services"]["image_service"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) >= STOPS_WITHIN_S
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    assert stop
    assert int(stop[1]) >= STOPS_WITHIN_S


def test_every_setting_that_is_named_is_one() -> None:
    known = set(VARIABLE.findall(CONFIG.read_text(encoding="utf-8"))) | OF_COMPOSE
    files = [p for p in DEPLOY.rglob("*") if p.is_file()]
    named = {
        name: path.name
        for path in (*files, COMPOSE)
        for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 15
    assert {name: path for name, path in named.items() if name not in known} == {}


@pytest.mark.parametrize(
    "paths",
    [
        ["compose/cluster.env"],
        ["systemd/image-service.env"],
        ["kubernetes/base/settings.env", "kubernetes/cluster/settings.env"],
        ["kubernetes/base/settings.env", "kubernetes/single/settings.env"],
    ],
    ids=lambda paths: paths[-1],
)
def test_the_service_takes_the_settings(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for path in paths for line in (DEPLOY / path).read_text().splitlines()]
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    if paths == ["compose/cluster.env"]:  # the rest is Compose's own
        given = {
            n: given[n]
            for n in _compose()["services"]["image_service"]["environment"]
            if n in given
        }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    _, settings = load(CONFIG)
    assert settings.url_prefix == given["IMAGE_SERVICE_PUBLIC_URL"]
    assert settings.cache_control == given.get(
        "IMAGE_SERVICE_CACHE_CONTROL", DEFAULTS.cache_control
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="make lint installs systemd")
def test_systemd_takes_the_units_and_finds_them_closed_in() -> None:
    assert len(check_units.units()) == 5
    assert check_units.problems() == []


def test_every_file_is_on_the_page() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    files = [p.relative_to(ROOT) for p in DEPLOY.rglob("*") if p.is_file()]
    named = [f for f in files if f.as_posix() in page or f"{f.parent.as_posix()}/" in page]
    assert sorted(set(files) - set(named)) == []
    paths = re.findall(r"deploy/[a-z]+(?:/[\w.-]+)*/?", page)
    assert [path for path in paths if not (ROOT / path).exists()] == []
