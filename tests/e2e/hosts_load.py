"""Callers of a site: by RPC as clients do, by HTTP to each host, at times of their own.

    python -m tests.e2e.hosts_load '{"uri": …, "hosts": {"a": "http://…", …}, …}'

Each call begins when its time has come, however many wait for their answers: what hangs is told,
and slows nobody else's asking down. It knows nothing of what is done to the hosts; one JSON line
for each call. Ends, after the last answer, when its standard input does.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from image_service.client import ImageClient
from image_service.client.caller import Caller
from image_service.errors import ImageNotFound, ImageServiceError
from tests.e2e.crash_caller import is_over
from tests.e2e.hosts_shelf import Shelf, Stored, is_being_removed, new_pictures

AT_ONCE = 96
"""Calls of each kind that may wait for an answer; beyond them asking would have to wait, too."""
HTTP_TIMEOUT_S = 5.0
CALLS = {"upload": 35, "get": 25, "update": 12, "delete": 15, "list": 8, "info": 5}
REQUESTS = {"original": 45, "variant": 40, "new variant": 10, "gone": 5}
KEPT_WIDTHS = (64, 96)
NEW_WIDTHS = range(20, 220)
PAGE = 50


class Log:
    """Where all is written down."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def tell(self, kind: str, began_s: float, **facts: Any) -> None:
        took_s = time.monotonic() - began_s
        line = json.dumps({"kind": kind, "began_s": began_s, "took_s": took_s, **facts})
        with self._lock:
            self._file.write(line + "\n")


class Told:
    """A Caller that writes down each attempt of another one, and who answered it."""

    def __init__(self, caller: Caller, log: Log, hosts: Mapping[str, str]) -> None:
        self._caller = caller
        self._log = log
        self._names = {url: name for name, url in hosts.items()}

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        """See Caller.call."""
        began_s = time.monotonic()
        try:
            reply = self._caller.call(method, arguments, timeout_s)
        except ImageServiceError as exc:
            ended = {"code": exc.code, "retryable": exc.retryable, "message": str(exc)}
            self._log.tell("attempt", began_s, method=method, host="", **ended)
            raise
        error = reply.get("error") or {"code": "ok", "retryable": True}
        ended = {key: error[key] for key in ("code", "retryable")}
        message = "" if reply["success"] else reply["message"]
        host = self._answered_by(reply)
        self._log.tell("attempt", began_s, method=method, host=host, message=message, **ended)
        return reply

    def close(self) -> None:
        """See Caller.close."""
        self._caller.close()

    def _answered_by(self, reply: Mapping[str, Any]) -> str:
        """Return the host's name: its urls begin with its own address. "": it told no url."""
        url = reply.get("url") or next((each["url"] for each in reply.get("images", ())), "")
        parts = urlsplit(url)
        return self._names.get(f"{parts.scheme}://{parts.netloc}", "")


class Client(ImageClient):
    """A client as users have it, whose attempts are told."""

    def __init__(self, uri: str, log: Log, hosts: Mapping[str, str]) -> None:
        super().__init__(uri)
        self._caller = Told(self._caller, log, hosts)


class Calls:
    """What callers do by RPC: each method is one call with all its retries."""

    def __init__(self, client: Client, shelf: Shelf, log: Log, seed: str) -> None:
        self._client = client
        self._shelf = shelf
        self._log = log
        self._pictures = new_pictures(seed)
        self._drawing = threading.Lock()

    def run(self, what: str) -> None:
        """Make a call of a kind, and tell how it ended."""
        work: Callable[[], dict[str, Any]] = getattr(self, what)
        began_s = time.monotonic()
        try:
            facts = {"code": "ok", "retryable": True, **work()}
        except _Failed as exc:
            error: ImageServiceError = exc.args[0]
            ended = {"code": error.code, "retryable": error.retryable, "message": str(error)}
            facts = {**exc.args[1], **ended}
        self._log.tell("call", began_s, what=what, **facts)

    def upload(self) -> dict[str, Any]:
        with self._drawing:
            filename, data = next(self._pictures)
        facts = {"filename": filename}
        with _failing(facts):
            image = self._client.upload(data, filename, tags=["0"], idempotency_key=filename)
        self._shelf.put(Stored(image.id, filename))
        return {**facts, "image_id": image.id, "checksum": image.checksum}

    def get(self) -> dict[str, Any]:
        image = self._shelf.look()
        if image is None:
            return {}
        with _failing({"image_id": image.id}, unless=image):
            found = self._client.get(image.id)
            return {"image_id": image.id, "wrong": "" if found.filename == image.filename else "?"}
        return {}

    def list(self) -> dict[str, Any]:
        with _failing({}):
            self._client.page(PAGE)
        return {}

    def info(self) -> dict[str, Any]:
        with _failing({}):
            self._client.storage_info()
        return {}

    def update(self) -> dict[str, Any]:
        image = self._shelf.take()
        if image is None:
            return {}
        facts = {"image_id": image.id, "tag": image.tag + 1}
        with _failing(facts):
            self._client.update(image.id, tags=[str(image.tag + 1)])
        # After a failure nobody knows what it is tagged, so it is left alone.
        image.tag += 1
        self._shelf.put(image)
        return facts

    def delete(self) -> dict[str, Any]:
        image = self._shelf.take()
        if image is None:
            return {}
        facts = {"image_id": image.id}
        image.removal_s = time.monotonic()
        with _failing(facts):
            self._client.delete(image.id)
        self._shelf.removed(image)
        return facts


class _Failed(Exception):
    """Raised when a call failed: the error, what it was about."""


@contextlib.contextmanager
def _failing(facts: dict[str, Any], *, unless: Stored | None = None) -> Iterator[None]:
    """Tell of an error with what the call was about, unless that had been removed meanwhile."""
    try:
        yield
    except ImageServiceError as exc:
        if isinstance(exc, ImageNotFound) and unless and is_being_removed(unless):
            return
        raise _Failed(exc, facts) from exc


class Requests:
    """What browsers ask one host for."""

    def __init__(self, name: str, url: str, shelf: Shelf, log: Log, chance: random.Random) -> None:
        parts = urlsplit(url)
        self._name = name
        self._where = parts.hostname or "", parts.port
        self._shelf = shelf
        self._log = log
        self._chance = chance

    def run(self, what: str) -> None:
        """Ask for a kind of thing, and tell what came of it."""
        is_gone = what == "gone"
        image = self._shelf.gone() if is_gone else self._shelf.look()
        if image is None:
            return
        began_s = time.monotonic()
        facts: dict[str, Any] = {"what": what, "host": self._name, "image_id": image.id}
        try:
            status, code, body = self._get(self._path(what, image.id))
        except (OSError, http.client.HTTPException) as exc:
            self._log.tell("request", began_s, status=0, code=type(exc).__name__, wrong="", **facts)
            return
        wrong = ""
        if is_gone and status == 200:
            wrong = "it is served though its removal was acknowledged"
        elif status == 404 and not is_gone and not is_being_removed(image):
            wrong = "it was acknowledged, and is not found"
        elif status == 200 and what == "original":
            is_whole = hashlib.sha256(body).hexdigest() == Path(image.filename).stem
            wrong = "" if is_whole else f"{len(body)} bytes, not those that were sent"
        self._log.tell("request", began_s, status=status, code=code, wrong=wrong, **facts)

    def _path(self, what: str, image_id: str) -> str:
        if "variant" not in what:
            return f"/images/{image_id}"
        width = self._chance.choice(KEPT_WIDTHS if what == "variant" else NEW_WIDTHS)
        return f"/img/insecure/rs:fit:{width}:{width}/plain/{image_id}@jpg"

    def _get(self, path: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(*self._where, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        code = "" if answer.status == 200 else str(json.loads(body).get("code"))
        return answer.status, code, body


class Arrivals:
    """Begins work at random times, so many a second on average."""

    def __init__(
        self, run: Callable[[str], None], mix: Mapping[str, int], per_s: float, seed: str, log: Log
    ) -> None:
        self._run = run
        self._kinds, self._weights = [*mix], [*mix.values()]
        self._per_s = per_s
        self._chance = random.Random(seed)
        self._log = log
        self._free = threading.Semaphore(AT_ONCE)
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._is_over = False
        self._thread = threading.Thread(target=self._begin_all)
        self._thread.start()

    def end(self) -> None:
        """Begin no more, and wait for what has begun."""
        self._is_over = True
        self._thread.join()
        self._pool.shutdown()

    def _begin_all(self) -> None:
        due_s = time.monotonic()
        while not self._is_over:
            due_s += self._chance.expovariate(self._per_s)
            time.sleep(max(0.0, due_s - time.monotonic()))
            (what,) = self._chance.choices(self._kinds, self._weights)
            if self._free.acquire(blocking=False):
                self._pool.submit(self._one, what)
            else:
                self._log.tell("skipped", due_s, what=what)

    def _one(self, what: str) -> None:
        try:
            self._run(what)
        except Exception as exc:  # noqa: BLE001 - what the load cannot deal with is to be seen
            self._log.tell("broken", time.monotonic(), what=what, error=repr(exc))
        finally:
            self._free.release()


def main() -> None:
    """Call until it is over."""
    order = json.loads(sys.argv[1])
    seed, hosts = order["seed"], order["hosts"]
    with Path(order["out"]).open("a", buffering=1) as out:
        log, shelf = Log(out), Shelf(seed)
        client = Client(order["uri"], log, hosts)
        calls = Calls(client, shelf, log, seed)
        numbers = itertools.count()
        arrivals = [Arrivals(calls.run, CALLS, order["calls_per_s"], f"{seed}/calls", log)]
        for name, url in hosts.items():
            own_seed = f"{seed}/{next(numbers)}"
            requests = Requests(name, url, shelf, log, random.Random(own_seed))
            each = Arrivals(requests.run, REQUESTS, order["requests_per_s"], own_seed, log)
            arrivals.append(each)
        while not is_over(1.0):
            pass
        for each in arrivals:
            each.end()
        client.close()


if __name__ == "__main__":
    main()
