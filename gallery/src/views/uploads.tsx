// Where uploads are seen: the tray at the corner, and the whole window while files are dragged.
import { useEffect, useRef, useState } from "preact/hooks";
import { droppedFiles, hasFiles, pastedFiles } from "../state/files";
import { go, goToView, place } from "../state/place";
import { mayUpload, session } from "../state/session";
import { Upload as Item, addFiles, again, againAll, clearUploads, isUploading, stop, uploads } from "../state/uploads";
import { bytes, plural } from "../text";
import { Check, CircleAlert, RotateCcw, Upload, X } from "../ui/icons";

export function UploadButton() {
  const input = useRef<HTMLInputElement>(null);
  if (!mayUpload.value) return null;
  return (
    <>
      <button class="button accent" onClick={() => input.current?.click()}>
        <Upload size={17} aria-hidden="true" />
        <span class="wide-only">Upload</span>
        <span class="sr-only narrow-only">Upload</span>
      </button>
      <input
        ref={input}
        class="sr-only"
        type="file"
        multiple
        accept="image/*,.heic,.avif"
        aria-label="Pictures to upload"
        tabIndex={-1}
        onChange={() => {
          addFiles(input.current?.files ?? []);
          input.current!.value = "";
        }}
      />
    </>
  );
}

export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    let inside = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event.dataTransfer)) return;
      inside += 1;
      setOver(mayUpload.value);
    };
    const leave = () => {
      inside = Math.max(0, inside - 1);
      if (!inside) setOver(false);
    };
    const over = (event: DragEvent) => {
      if (hasFiles(event.dataTransfer)) event.preventDefault();
    };
    const drop = (event: DragEvent) => {
      inside = 0;
      setOver(false);
      if (!event.dataTransfer || !hasFiles(event.dataTransfer)) return;
      event.preventDefault();
      if (mayUpload.value) void droppedFiles(event.dataTransfer).then(addFiles);
    };
    const paste = (event: ClipboardEvent) => {
      if (!event.clipboardData || !mayUpload.value) return;
      const files = pastedFiles(event.clipboardData);
      if (files.length) event.preventDefault();
      addFiles(files);
    };
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    addEventListener("paste", paste);
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
      removeEventListener("paste", paste);
    };
  }, []);
  if (!isOver) return null;
  const limits = session.value?.limits;
  return (
    <div class="drop">
      <div class="drop-card">
        <Upload size={40} aria-hidden="true" />
        <strong>Drop to upload</strong>
        {limits && (
          <span>
            {limits.formats.map((name) => name.toUpperCase()).join(", ")}, up to{" "}
            {bytes(limits.maxUploadBytes)} each
          </span>
        )}
      </div>
    </div>
  );
}

export function UploadTray() {
  const all = uploads.value;
  if (!all.length) return null;
  const stored = all.filter(({ phase }) => phase === "stored").length;
  const failed = all.filter(({ phase }) => phase === "failed").length;
  const title = isUploading.value
    ? `Uploading ${plural(all.length - stored - failed, "picture")}`
    : `${plural(stored, "picture")} stored${failed ? `, ${failed} not` : ""}`;
  return (
    <section class="tray" aria-label="Uploads">
      <header>
        <h2>
          <span role="status">{title}</span>
        </h2>
        {failed > 1 && (
          <button class="link" onClick={againAll}>
            Retry all
          </button>
        )}
        <button
          class="icon-button small"
          aria-label="Clear finished uploads"
          onClick={clearUploads}
          disabled={isUploading.value && stored + failed === 0}
        >
          <X size={16} aria-hidden="true" />
        </button>
      </header>
      <ul tabIndex={0} aria-label="Files">
        {all.map((item) => (
          <Line key={item.id} item={item} />
        ))}
      </ul>
    </section>
  );
}

function Line({ item }: { item: Item }) {
  const isDone = item.phase === "stored" || item.phase === "failed";
  return (
    <li class={`upload is-${item.phase}`}>
      <span class="upload-icon" aria-hidden="true">
        {item.phase === "stored" && <Check size={16} />}
        {item.phase === "failed" && <CircleAlert size={16} />}
      </span>
      <div class="upload-main">
        <span class="upload-name">{item.file.name}</span>
        <Told item={item} />
        {!isDone && (
          <progress
            max={1}
            value={item.phase === "checking" ? undefined : item.sent}
            aria-label={`${item.file.name}: sent`}
          />
        )}
      </div>
      {item.phase === "failed" && (
        <button
          class="icon-button small"
          aria-label={`Try ${item.file.name} again`}
          onClick={() => again(item.id)}
        >
          <RotateCcw size={15} aria-hidden="true" />
        </button>
      )}
      <button
        class="icon-button small"
        aria-label={isDone ? `Remove ${item.file.name} from this list` : `Stop ${item.file.name}`}
        onClick={() => stop(item.id)}
      >
        <X size={15} aria-hidden="true" />
      </button>
    </li>
  );
}

function Told({ item }: { item: Item }) {
  if (item.phase === "failed") return <span class="upload-problem">{item.problem?.message}</span>;
  if (item.phase === "stored") {
    const show = (id: string) => {
      if (place.value.view !== "pictures") goToView("pictures");
      go({ image: id });
    };
    if (item.duplicateOf) {
      const first = item.duplicateOf;
      return (
        <span class="upload-told">
          Stored; the same file was here already.{" "}
          <button class="link" onClick={() => show(first)}>
            Show the first
          </button>
        </span>
      );
    }
    return (
      <button class="link upload-told" onClick={() => show(item.imageId)}>
        Show
      </button>
    );
  }
  const words = { waiting: "Waiting", sending: "Sending", checking: "Checking and storing" };
  return (
    <span class="upload-told">
      {words[item.phase]}, {bytes(item.file.size)}
    </span>
  );
}
