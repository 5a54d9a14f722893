"""Write docs/configuration.md from config.yaml's own comments; --check says whether it is true.

python -m scripts.config_docs [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from scripts.paths import CONFIG, ROOT

PAGE = ROOT / "docs" / "configuration.md"

_SECTION = re.compile(r"# --- (.*?) -+$")
_SETTING = re.compile(r"(?P<key>\w+): (?:\$\{(?P<env>\w+):(?P<default>.*)\}|(?P<literal>.*))$")

_HEAD = """# Configuration

`config.yaml` names every setting, its default, and the environment variable that overrides it.
Values are YAML after substitution; leave them unquoted. `image-service check-config` lists every
problem at once, as does the start.

Relative paths begin in the folder of `config.yaml`. Sizes are bytes, times seconds.
"""
_TAIL = """
## Nameko's other keys

`AMQP_SSL`, `LOGIN_METHOD`, `TRANSPORT_OPTIONS`, `rpc_exchange`, `parent_calls_tracked` and
`LOGGING` (a `logging.config.dictConfig` mapping) may be added to the file; they mean what Nameko's
documentation says.

## Several service processes

`image-service serve --workers N` or `service_processes` starts several behind one port, watches
them and renews them without a pause: [Operations](operations.md#several-service-processes). Any
number of processes of one machine may also be started one by one on one `upload_dir` and broker.
Give each its own `port`, or the same one with `http_share_port: true`. Processes on different
machines must not share a local `upload_dir`; a catalogue in [PostgreSQL](postgresql.md) they may
share.

## Files

```text
uploads/
  img_1795448769377_8xqzjvmxyswj57dfk7qp.jpg   an original; look, copy, rsync
  .tmp/                                        uploads and deletions in flight
  .state/catalogue.sqlite3 (-wal, -shm, -queue) what is known of each image; back it up too
  .state/session.key                           signs browser sessions; without it all have ended
  .state/leases/                               one locked file for each living process
```
"""


def render(config: str) -> str:
    """Return the page for the text of a config.yaml."""
    return _HEAD + "\n".join(_tables(config)) + "\n" + _TAIL


def _tables(config: str) -> Iterator[str]:
    comment: list[str] = []
    comment_is_done = False
    body = config[config.index("# --- ") :]
    for line in body.splitlines():
        section, setting = _SECTION.match(line), _SETTING.match(line)
        if section:
            title = section[1].strip()
            yield f"\n## {title[0].upper()}{title[1:]}\n"
            yield "| key | environment | default | meaning |\n|---|---|---|---|"
            comment, comment_is_done = [], False
        elif setting:
            yield _row(setting, " ".join(comment))
            comment_is_done = True  # the next setting may share it
        elif line.startswith("# "):
            comment = [*([] if comment_is_done else comment), line[2:]]
            comment_is_done = False


def _row(setting: re.Match[str], meaning: str) -> str:
    default = setting["default"] if setting["env"] else setting["literal"]
    shown = f"`{default}`" if default else "*empty*"
    environment = f"`{setting['env']}`" if setting["env"] else "–"
    return f"| `{setting['key']}` | {environment} | {shown} | {meaning} |"


def main() -> int:
    """Write the page, or with --check compare it; return the exit code."""
    page = render(CONFIG.read_text(encoding="utf-8"))
    if "--check" not in sys.argv:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is out of date: run python -m scripts.config_docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())
