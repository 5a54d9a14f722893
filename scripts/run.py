"""`make run`: the service with all it needs, until Ctrl-C."""

from __future__ import annotations

import time

from scripts import system
from scripts.paths import PHOTOS, ROOT, venv_program
from scripts.report import ToolError, run_main, say
from scripts.service import ServiceFailed

POLL_S = 0.2

NEXT_STEPS = """
image_service is ready at {url} (Ctrl-C stops it): open that to see and upload pictures.
What next, in another terminal:

  {program} upload {photo}
  make demo     the whole job once on real photos
  make shell    talk to it by hand: n.rpc.image_service.health_check()

From Python, with `pip install nameko msgpack`:

  from nameko.standalone.rpc import ClusterRpcProxy
  config = {{"AMQP_URI": "{uri}", "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}}
  with ClusterRpcProxy(config, timeout=10) as rpc:
      photo = open("{photo}", "rb").read()
      print(rpc.image_service.upload_image(photo, "{name}")["url"])
"""


def next_steps(running: system.System) -> str:
    """Return what to do with a service that has just become ready."""
    photo = min(PHOTOS.glob("*.jpg"), default=PHOTOS / "photo.jpg")
    program = venv_program("image-service").relative_to(ROOT)
    return NEXT_STEPS.format(
        url=running.url,
        uri=running.amqp_uri,
        photo=photo,
        name=photo.name,
        program=program,
    )


def run() -> int:
    """Run until asked to stop, which is success, or until the service ends by itself."""
    with system.started() as running:
        say(next_steps(running))
        while running.service.exit_code() is None:
            time.sleep(POLL_S)
        raise ToolError(f"the service ended by itself (exit code {running.service.exit_code()})")


def main() -> int:
    """Run, and translate how it ended into an exit code."""
    try:
        with system.stop_signals_raise():
            return run()
    except system.Stopped:
        say("Stopped.")
        return 0
    except ServiceFailed as failed:
        return failed.exit_code


if __name__ == "__main__":
    run_main(main)
