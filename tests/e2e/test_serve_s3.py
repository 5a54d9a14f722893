"""Starting a service whose originals are in a bucket: with what is wrong, and well."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest

from image_service.testing import png
from tests.e2e.processes import Site, stop
from tests.e2e.several import until
from tests.s3 import SECRET, FaultyLine, S3Server, refusal


@pytest.fixture
def site(broker_uri: str, tmp_path: Path) -> Site:
    return Site(tmp_path / "site", broker_uri)


@pytest.mark.speaks_s3
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"S3_SECRET_ACCESS_KEY": "wrong"}, "refuses the secret key"),
        ({"S3_ORIGINALS": "s3://nobodys-bucket/x"}, "no such bucket"),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot be reached"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    site: Site, s3_server: S3Server, changes: dict[str, str], told: str
) -> None:
    environment = {
        **s3_server.environment("x"),
        **{f"IMAGE_SERVICE_{key}": value for key, value in changes.items()},
    }
    code, lines, _ = site.failed_start(**environment)
    errors = [line for line in lines if "error" in line]
    assert (code != 0, len(errors)) == (True, 1), lines
    assert told in errors[0]
    assert "s3_originals" in errors[0]
    assert SECRET not in "\n".join(lines)
    assert "Traceback" not in "\n".join(lines)


def test_a_clock_that_is_wrong_is_said(site: Site, s3_server: S3Server, line: FaultyLine) -> None:
    line.answer = lambda _: refusal("403 Forbidden", "RequestTimeTooSkewed")
    told = s3_server.environment("x", endpoint_url=line.endpoint_url)
    _, lines, _ = site.failed_start(**told)
    assert any("clock" in each for each in lines)


def test_a_stop_while_a_slow_bucket_is_being_looked_through_is_clean(
    site: Site, s3_server: S3Server, line: FaultyLine
) -> None:
    where = s3_server.environment("x", endpoint_url=line.endpoint_url)
    process = site.start(**where | {"IMAGE_SERVICE_S3_TIMEOUT_S": "20"})
    try:
        until(lambda: "urls of variants need no signature" in site.words())
        line.delay_s = 7.0  # longer than a stop waits for a broker
        process.terminate()
        time.sleep(7)
        line.mend()
        assert process.wait(timeout=30) == 0
        assert "stopping: finishing" in site.words()
        assert "image_service is ready" not in site.words()
        assert "Traceback" not in site.words()
    finally:
        process.kill()
        process.wait()


def test_what_was_stored_is_there_after_a_restart_on_another_disk(
    site: Site, s3_server: S3Server, broker_uri: str
) -> None:
    environment = s3_server.environment(secrets.token_hex(6))
    data = png((30, 20))
    with site.running(**environment) as process:
        with site.rpc() as rpc:
            image_id = rpc.upload_image(data, "a.png")["imageId"]
        assert stop(process) == 0
    assert not list(site.uploads.glob("img_*"))
    with site.running(**environment), site.rpc() as rpc:
        assert rpc.download_image(image_id)["file"] == data
