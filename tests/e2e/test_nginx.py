"""examples/nginx.conf in a real nginx: it sends what the service only names."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.testing import jpeg
from scripts.paths import ROOT
from scripts.rabbitmq import free_ports
from tests.component.harness import delete_queues, wait_until
from tests.e2e.processes import Site

NGINX = shutil.which("nginx")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
HEADERS = "image_service_headers.conf"
AROUND = """
daemon off;
pid nginx.pid;
error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include example.conf;
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, site: Site) -> Iterator[str]:
    """Run the example before a service; yield where it listens."""
    port = free_ports(1)[0]
    text = (ROOT / "examples" / "nginx.conf").read_text()
    for told, there in {
        "server image_service:3001": f"server 127.0.0.1:{site.port}",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/data/uploads": str(site.uploads),
        f"/etc/nginx/{HEADERS}": str(ROOT / "examples" / "nginx_headers.conf"),
    }.items():
        assert told in text
        text = text.replace(told, there)
    (folder / "example.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(user=user))
    command = [str(NGINX), "-p", str(folder), "-c", "nginx.conf"]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as exc:
        return exc.code, dict(exc.headers), exc.read()
    except OSError:
        return 0, {}, b""


def test_nginx_sends_originals_and_variants_and_nobody_can_ask_for_files(
    tmp_path: Path, broker_uri: str
) -> None:
    delete_queues(broker_uri)
    site = Site(tmp_path / "site", broker_uri)
    (tmp_path / "nginx").mkdir()
    settings = {"ACCEL_PREFIX": "/_files", "UNSIGNED_VARIANTS": "allow", "HOST": "127.0.0.1"}
    environment = {f"IMAGE_SERVICE_{name}": value for name, value in settings.items()}
    data = jpeg((400, 300))
    with site.running(**environment), nginx(tmp_path / "nginx", site) as url, site.rpc() as rpc:
        image_id = rpc.upload_image(data, "a.jpg")["imageId"]
        wait_until(lambda: _get(f"{url}/healthz")[0] == 200)
        status, headers, body = _get(f"{url}/images/{image_id}")
        assert (status, body) == (200, data)
        assert headers["Server"].startswith("nginx")
        assert headers["Content-Type"] == "image/jpeg"
        assert "sandbox" in headers["Content-Security-Policy"]
        status, _, body = _get(f"{url}/images/{image_id}", Range="bytes=0-9")
        assert (status, body) == (206, data[:10])
        variant = f"{url}/img/insecure/rs:fit:100:100/plain/{image_id}@webp"
        for _ in range(2):  # made, then kept
            status, headers, body = _get(variant)
            assert (status, body[8:12], headers["Content-Type"]) == (200, b"WEBP", "image/webp")
        assert _get(f"{url}/_files/originals/{image_id}.jpg")[0] == 404
        assert _get(f"{url}/images/img_1700000000000_0123456789abcdef")[0] == 404
