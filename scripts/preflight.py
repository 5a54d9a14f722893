"""`python -m scripts.preflight`: would `image-service serve` start, were there a broker?

Prints where the service will answer HTTP, on this machine, as one line; failures are the service's
own lines and exit codes. A process of its own, because the service's modules want to be imported
after eventlet has patched the standard library, and the tools do not.
"""

from __future__ import annotations

import sys
import warnings

from scripts.paths import CONFIG
from scripts.report import FAILED

BAD_CONFIG = 2


def local_url(host: str, port: int) -> str:
    """Return the url of a service that listens there, as this machine reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.strip("[]"), host.strip("[]"))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main() -> int:
    """Check settings, directories and port."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import eventlet

    eventlet.monkey_patch()
    from image_service import serve
    from image_service.broker_check import StartError
    from image_service.config import ConfigError

    try:
        _, settings = serve.load(CONFIG)
        serve.check_directories(settings)
        serve.check_port(settings)
    except ConfigError as exc:
        return _fail(BAD_CONFIG, *exc.args)
    except StartError as exc:
        return _fail(FAILED, *exc.args)
    print(local_url(settings.host, settings.port))
    return 0


def _fail(code: int, *problems: str) -> int:
    for problem in problems:
        print(f"image-service: error: {problem}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
