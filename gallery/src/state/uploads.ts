// Pictures on their way to the service: a few at a time, with progress, tried again where it helps.
import { computed, effect, signal, untracked } from "@preact/signals";
import { Problem, hooks, problemFrom, problemOf, unreachable } from "../api/client";
import { patiently } from "../api/patience";
import type { Uploaded } from "../api/types";
import { bytes } from "../text";
import { showStored } from "./listings";
import { isExpired, session } from "./session";
import { tell } from "./toasts";

export type Phase = "waiting" | "sending" | "checking" | "stored" | "failed";

export interface Upload {
  id: number;
  file: File;
  phase: Phase;
  /** From 0 to 1. */
  sent: number;
  problem: Problem | null;
  imageId: string;
  duplicateOf: string | null;
  /** What is sent again under the same key is stored once. */
  key: string;
}

const AT_ONCE = 3;
const TRIES = 5;

export const uploads = signal<Upload[]>([]);
export const isUploading = computed(() =>
  uploads.value.some(({ phase }) => phase !== "stored" && phase !== "failed"),
);

const running = new Map<number, XMLHttpRequest>();
let last = 0;

function set(id: number, change: Partial<Upload>): void {
  uploads.value = uploads.value.map((each) => (each.id === id ? { ...each, ...change } : each));
}

export function addFiles(files: Iterable<File>): void {
  const fresh = [...files].map<Upload>((file) => ({
    id: ++last,
    file,
    phase: "waiting",
    sent: 0,
    problem: null,
    imageId: "",
    duplicateOf: null,
    key: randomKey(),
  }));
  if (!fresh.length) return;
  uploads.value = [...uploads.value, ...fresh];
  pump();
}

// Not randomUUID: that is for pages that came by https alone.
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(5)), (part) => part.toString(36)).join("-");

export function again(id: number): void {
  set(id, { phase: "waiting", sent: 0, problem: null });
  pump();
}

export function againAll(): void {
  for (const each of uploads.value) if (each.phase === "failed") again(each.id);
}

export function stop(id: number): void {
  running.get(id)?.abort();
  running.delete(id);
  uploads.value = uploads.value.filter((each) => each.id !== id);
  pump();
}

export function clearUploads(): void {
  uploads.value = uploads.value.filter(({ phase }) => phase !== "stored" && phase !== "failed");
}

function pump(): void {
  // What waits goes on by itself when there is a session again.
  if (isExpired.value) return;
  const busy = uploads.value.filter(({ phase }) => phase === "sending" || phase === "checking");
  const waiting = uploads.value.filter(({ phase }) => phase === "waiting");
  for (const each of waiting.slice(0, Math.max(0, AT_ONCE - busy.length))) void carry(each);
}

async function carry(upload: Upload): Promise<void> {
  set(upload.id, { phase: "sending" });
  try {
    checkSize(upload.file);
    const { imageId, duplicateOf } = await sendPatiently(upload);
    set(upload.id, { phase: "stored", sent: 1, imageId, duplicateOf });
    void show(imageId);
  } catch (error) {
    if (error instanceof Problem) set(upload.id, { phase: "failed", problem: error });
    else if (!isStopped(error)) throw error;
  } finally {
    running.delete(upload.id);
    pump();
  }
}

async function show(imageId: string): Promise<void> {
  try {
    await showStored(imageId);
  } catch (error) {
    tell(`It is stored, but not shown yet. ${problemFrom(error).message}`, { kind: "problem" });
  }
}

const isStopped = (error: unknown) => error instanceof DOMException && error.name === "AbortError";

/** Say at once what the service would say after the whole file has been sent. */
function checkSize(file: File): void {
  const most = session.value?.limits.maxUploadBytes ?? Infinity;
  if (file.size > most) {
    const told = `The file has ${bytes(file.size)}; at most ${bytes(most)} are accepted.`;
    throw new Problem(413, "image_too_large", told);
  }
}

/** Send it, again where the service is busy or away, and where there is a new session. */
function sendPatiently(upload: Upload): Promise<Uploaded> {
  const onWait = () => {
    if (!uploads.value.some(({ id }) => id === upload.id)) throw new DOMException("stopped", "AbortError");
    set(upload.id, { phase: "sending", sent: 0 });
  };
  const ask = async () => {
    try {
      return await send(upload);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      set(upload.id, { phase: "sending", sent: 0 });
      if (!(await hooks.renewed())) throw error;
      return send(upload);
    }
  };
  return patiently(ask, { tries: TRIES, onWait });
}

// XMLHttpRequest, for fetch tells nothing of how much has been sent.
function send(upload: Upload): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const http = new XMLHttpRequest();
    running.set(upload.id, http);
    http.open("POST", "images");
    http.setRequestHeader("X-Requested-With", "gallery");
    http.setRequestHeader("Idempotency-Key", upload.key);
    http.upload.onprogress = ({ loaded, total }) => set(upload.id, { sent: loaded / total });
    http.upload.onload = () => set(upload.id, { phase: "checking", sent: 1 });
    http.onload = () => {
      hooks.reached(true);
      const isStored = http.status >= 200 && http.status < 300;
      if (isStored) resolve(JSON.parse(http.responseText) as Uploaded);
      else {
        const wait = http.getResponseHeader("Retry-After");
        reject(problemOf(http.status, http.responseText, wait));
      }
    };
    http.onerror = () => {
      hooks.reached(false);
      reject(unreachable());
    };
    http.onabort = () => reject(new DOMException("stopped", "AbortError"));
    const form = new FormData();
    form.append("file", upload.file, upload.file.name);
    http.send(form);
  });
}

effect(() => {
  if (!isExpired.value) untracked(pump);
});
addEventListener("beforeunload", (event) => {
  if (isUploading.value) event.preventDefault();
});
