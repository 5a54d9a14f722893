"""A night watch's story: what runs here, and what is it doing?"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import eventlet

from tests.component.pictures import picture
from tests.e2e.processes import Site

PROFILE = (sys.executable, "-m", "image_service", "profile", "--seconds", "1.5", "--config")


def test_lines_for_programs_and_a_profile_of_the_running_service(
    tmp_path: Path, broker_uri: str
) -> None:
    site = Site(tmp_path / "site", broker_uri)
    settings = {"IMAGE_SERVICE_LOG_FORMAT": "json", "IMAGE_SERVICE_ACCESS_LOG": "all"}
    with site.running(**settings) as process, site.rpc() as rpc:
        image_id = rpc.upload_image(picture("png"), "a.png")["imageId"]
        profile = subprocess.Popen(
            [*PROFILE, str(site.config)],
            cwd=site.folder,
            env=site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while profile.poll() is None:
            urllib.request.urlopen(f"{site.base_url}/images/{image_id}", timeout=10).read()
            eventlet.sleep(0)
        printed, wrong = profile.communicate()
        assert profile.returncode == 0, wrong
        assert "image_service.web.server.process_request" in printed
        assert process.poll() is None
        metrics = urllib.request.urlopen(f"{site.base_url}/metrics", timeout=10).read().decode()
    assert "\nprocess_cpu_seconds_total " in metrics
    lines = [json.loads(line) for line in site.words().splitlines() if line.startswith("{")]
    access = [line for line in lines if line["logger"] == "image_service.access"]
    (upload,) = [line for line in access if line.get("code")]
    assert (upload["method"], upload["code"]) == ("upload_image", "ok")
    assert any(line.get("path") == f"/images/{image_id}" for line in access)
    assert any("is ready" in line["message"] for line in lines)
    assert list((site.uploads / ".state" / "profiles").glob(f"{process.pid}-*.folded"))


def test_a_profile_of_nothing_says_what_to_do(tmp_path: Path, broker_uri: str) -> None:
    site = Site(tmp_path / "site", broker_uri)
    done = subprocess.run(
        [*PROFILE, str(site.config)],
        cwd=site.folder,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "no process serves this store here" in done.stderr
