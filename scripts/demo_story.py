"""What `make demo` does with a running service, step by step, checking every answer."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any, NamedTuple

from nameko.exceptions import RpcTimeout
from nameko.standalone.rpc import ClusterRpcProxy
from rich.console import Console
from rich.pretty import Pretty

from scripts import web
from scripts.paths import PHOTOS
from scripts.report import ToolError

CALL_TIMEOUT_S = 30.0
FETCH_TIMEOUT_S = 10.0
LISTED = 10
PHOTO_ENDINGS = (".jpg", ".png")
NOT_A_PHOTO = b"Dear diary, this is text, whatever it is called.\n"

Reply = dict[str, Any]


class Upload(NamedTuple):
    """A photo that the service has accepted."""

    photo: Path
    image_id: str
    url: str


class Story:
    """One client, telling what it does and comparing what it gets with what it expects."""

    def __init__(self, console: Console, service: Any) -> None:
        """Take the proxy of the service to call."""
        self._console = console
        self._service = service
        self.uploads: list[Upload] = []
        self.checks = 0

    def title(self, text: str) -> None:
        """Begin a step."""
        self._console.print(f"\n[bold]{text}[/bold]")

    def call(self, method: str, *arguments: Any, **options: Any) -> Reply:
        """Call a method of the service and show its reply."""
        shown = [_shown(argument) for argument in arguments]
        shown += [f"{name}={value!r}" for name, value in options.items()]
        begun_s = time.perf_counter()
        try:
            reply: Reply = getattr(self._service, method)(*arguments, **options)
        except RpcTimeout as exc:
            raise ToolError(f"{method} was not answered within {CALL_TIMEOUT_S:.0f} s") from exc
        took_ms = (time.perf_counter() - begun_s) * 1000
        line = f"{method}({', '.join(shown)})"
        self._console.print(f"[cyan]{_plain(line)}[/cyan] [dim]{took_ms:.0f} ms[/dim]")
        self._console.print(Pretty(reply, max_string=90, max_length=20, indent_size=2))
        return reply

    def check(self, is_so: bool, what: str) -> None:
        """Go on only if it is so.

        Raises: ToolError naming what was expected.
        """
        if not is_so:
            raise ToolError(f"the demo expected something else: {what}")
        self.checks += 1
        self._console.print(f"  [green]ok[/green] {_plain(what)}")

    def look_at_health(self) -> None:
        """Ask how the service is."""
        self.title("Is it well?")
        reply = self.call("health_check")
        self.check(reply["success"] and reply["status"] == "ok", "the service is well")

    def upload(self, photo: Path) -> None:
        """Store a photo, under its own name."""
        self.title(f"Upload {photo.name}")
        data = photo.read_bytes()
        reply = self.call("upload_image", data, photo.name)
        self.check(reply["success"], "the photo is stored, durably")
        self.uploads.append(Upload(photo, reply["imageId"], reply["url"]))
        digest = hashlib.sha256(data).hexdigest()
        stated = reply["metadata"]["checksum"]
        self.check(stated == f"sha256:{digest}", "the checksum is that of the photo sent")

    def fetch(self, upload: Upload) -> None:
        """Get a photo over HTTP as browsers do: whole, only if changed, in part."""
        self.title(f"Fetch {upload.url}")
        data = upload.photo.read_bytes()
        whole = self._get(upload.url)
        kind, etag = whole.headers["Content-Type"], whole.headers["ETag"]
        self.check(whole.status == 200, f"GET answers 200 with {kind}")
        self.check(whole.body == data, f"all {len(data):,} bytes are those uploaded")
        unchanged = self._get(upload.url, {"If-None-Match": etag})
        same = unchanged.status == 304 and not unchanged.body
        self.check(same, "If-None-Match answers 304 without a body")
        part = self._get(upload.url, {"Range": "bytes=1000-1999"})
        right = part.status == 206 and part.body == data[1000:2000]
        self.check(right, "Range: bytes=1000-1999 answers 206 with just these bytes")

    def describe(self, upload: Upload) -> None:
        """Read a photo's metadata back."""
        self.title("What is known about an image?")
        reply = self.call("get_image", upload.image_id)
        name = reply["metadata"]["filename"]
        self.check(reply["success"] and name == upload.photo.name, "it kept its name")

    def list_all(self) -> None:
        """List what is stored, newest first."""
        self.title("What is there?")
        reply = self.call("list_images", limit=LISTED)
        listed = {image["imageId"] for image in reply["images"]}
        wanted = {upload.image_id for upload in self.uploads}
        self.check(wanted <= listed, "the photos just uploaded are among the newest")
        info = self.call("get_storage_info")
        self.check(info["totalFiles"] >= len(wanted), "they are counted")

    def be_refused(self) -> None:
        """Send what is no picture."""
        self.title("What is no picture is refused, and the reply says why")
        reply = self.call("upload_image", NOT_A_PHOTO, "photo.jpg")
        code = (reply.get("error") or {}).get("code")
        self.check(not reply["success"] and code == "unsupported_format", f"refused: {code}")

    def delete(self, upload: Upload) -> None:
        """Delete a photo, and see that it is gone."""
        self.title(f"Delete {upload.photo.name}")
        reply = self.call("delete_image", upload.image_id, permanent=True)
        self.check(reply["success"], "deleted")
        self.uploads.remove(upload)
        self.check(self._get(upload.url).status == 404, "its url answers 404")
        after = self._service.get_image(upload.image_id)
        self.check(after["error"]["code"] == "image_not_found", "get_image: image_not_found")

    def clean_up(self) -> None:
        """Delete, without a word, what a story that broke off has left."""
        for upload in self.uploads:
            self._service.delete_image(upload.image_id, permanent=True)

    def _get(self, url: str, headers: dict[str, str] | None = None) -> web.Answer:
        try:
            return web.get(url, headers, FETCH_TIMEOUT_S)
        except OSError as exc:
            raise ToolError(f"{url} does not answer: {exc}") from exc


def tell(console: Console, amqp_uri: str) -> None:
    """Do the whole job once, on every photo in examples/photos.

    Raises: ToolError at the first answer that is not as it should be.
    """
    config = {"AMQP_URI": amqp_uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
    photos = sorted(path for path in PHOTOS.iterdir() if path.suffix in PHOTO_ENDINGS)
    with ClusterRpcProxy(config, timeout=CALL_TIMEOUT_S) as cluster:
        story = Story(console, cluster.image_service)
        try:
            _whole_job(story, photos)
        finally:
            story.clean_up()
    console.print(f"\n[bold green]All {story.checks} checks passed.[/bold green]")


def _whole_job(story: Story, photos: list[Path]) -> None:
    story.look_at_health()
    for photo in photos:
        story.upload(photo)
    for upload in story.uploads:
        story.fetch(upload)
    story.describe(story.uploads[0])
    story.list_all()
    story.be_refused()
    for upload in list(story.uploads):
        story.delete(upload)


def _shown(argument: Any) -> str:
    return f"<{len(argument):,} bytes>" if isinstance(argument, bytes) else repr(argument)


def _plain(text: str) -> str:
    """Keep rich from reading brackets as markup."""
    return text.replace("[", r"\[")
