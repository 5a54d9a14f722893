// Pictures on their way to the service: a few at a time, with progress, tried again where it helps.
import { computed, signal } from "@preact/signals";
import { Problem, problemOf, unreachable } from "../api/client";
import type { Uploaded } from "../api/types";
import { bytes } from "../text";
import { showStored } from "./listings";
import { session } from "./session";

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
}

const AT_ONCE = 3;
const TRIES = 5;
const WAIT_S = 2;

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
  }));
  if (!fresh.length) return;
  uploads.value = [...uploads.value, ...fresh];
  pump();
}

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
  const busy = uploads.value.filter(({ phase }) => phase === "sending" || phase === "checking");
  const waiting = uploads.value.filter(({ phase }) => phase === "waiting");
  for (const each of waiting.slice(0, Math.max(0, AT_ONCE - busy.length))) void carry(each);
}

async function carry(upload: Upload): Promise<void> {
  set(upload.id, { phase: "sending" });
  try {
    checkSize(upload.file);
    const stored = await sendPatiently(upload);
    set(upload.id, {
      phase: "stored",
      sent: 1,
      imageId: stored.imageId,
      duplicateOf: stored.duplicateOf,
    });
    await showStored(stored.imageId);
  } catch (error) {
    if (error instanceof Problem) set(upload.id, { phase: "failed", problem: error });
  } finally {
    running.delete(upload.id);
    pump();
  }
}

/** Say at once what the service would say after the whole file has been sent. */
function checkSize(file: File): void {
  const most = session.value?.limits.maxUploadBytes ?? Infinity;
  if (file.size > most) {
    const told = `The file has ${bytes(file.size)}; at most ${bytes(most)} are accepted.`;
    throw new Problem(413, "image_too_large", told);
  }
}

async function sendPatiently(upload: Upload): Promise<Uploaded> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send(upload);
    } catch (error) {
      if (!(error instanceof Problem) || !error.isPassing || tries >= TRIES) throw error;
      const seconds = (error.retryAfterS ?? WAIT_S) * (0.5 + Math.random());
      set(upload.id, { sent: 0 });
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      if (!uploads.value.some(({ id }) => id === upload.id)) throw error;
    }
  }
}

// XMLHttpRequest, for fetch tells nothing of how much has been sent.
function send(upload: Upload): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const http = new XMLHttpRequest();
    running.set(upload.id, http);
    http.open("POST", "images");
    http.setRequestHeader("X-Requested-With", "gallery");
    http.upload.onprogress = ({ loaded, total }) => set(upload.id, { sent: loaded / total });
    http.upload.onload = () => set(upload.id, { phase: "checking", sent: 1 });
    http.onload = () => {
      const isStored = http.status >= 200 && http.status < 300;
      if (isStored) resolve(JSON.parse(http.responseText) as Uploaded);
      else {
        const wait = http.getResponseHeader("Retry-After");
        reject(problemOf(http.status, http.responseText, wait));
      }
    };
    http.onerror = () => reject(unreachable());
    http.onabort = () => reject(new DOMException("stopped", "AbortError"));
    const form = new FormData();
    form.append("file", upload.file, upload.file.name);
    http.send(form);
  });
}

addEventListener("beforeunload", (event) => {
  if (isUploading.value) event.preventDefault();
});
