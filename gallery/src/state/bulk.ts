// What is done to many pictures: a few at a time, patiently, and what failed is kept to be told.
import { signal } from "@preact/signals";
import { Problem, problemFrom } from "../api/client";
import { deleteImage, getImage, restoreImage, updateImage } from "../api/images";
import { patiently, sleep } from "../api/patience";
import type { Listed } from "../api/types";
import { plural } from "../text";
import { isForEver } from "./actions";
import { listing, refresh } from "./listings";
import { endSelecting, leaveOut, selectOnly } from "./selection";
import { tell } from "./toasts";

const AT_ONCE = 4;
const TRIES = 4;
/** Browsers drop downloads that follow each other faster. */
const BETWEEN_DOWNLOADS_S = 0.3;

export interface Failed {
  image: Listed;
  problem: Problem;
}

export interface Job {
  /** As in "Deleting". */
  doing: string;
  done: number;
  all: number;
  stop: () => void;
}

export interface Failures {
  /** As in "could not be deleted". */
  told: string;
  failed: Failed[];
  again: () => void;
}

export const job = signal<Job | null>(null);
export const failures = signal<Failures | null>(null);

interface Task {
  doing: string;
  told: string;
  atOnce?: number;
  one: (image: Listed) => Promise<unknown>;
  /** Called with what was done. */
  then: (done: Listed[]) => void;
}

/** Do it to each; what fails stays selected, and is told with its reason. */
async function run(images: Listed[], task: Task): Promise<void> {
  if (job.value) return;
  const abort = new AbortController();
  const done: Listed[] = [];
  const failed: Failed[] = [];
  const rest = [...images];
  const show = () => {
    const ended = done.length + failed.length;
    job.value = { doing: task.doing, done: ended, all: images.length, stop: () => abort.abort() };
  };
  show();
  const worker = async () => {
    for (let image = rest.shift(); image && !abort.signal.aborted; image = rest.shift()) {
      const each = image;
      try {
        await patiently(() => task.one(each), { tries: TRIES });
        done.push(each);
      } catch (error) {
        failed.push({ image: each, problem: problemFrom(error) });
      }
      show();
    }
  };
  await Promise.all(Array.from({ length: task.atOnce ?? AT_ONCE }, worker));
  job.value = null;
  if (done.length) task.then(done);
  if (!failed.length) return;
  selectOnly(failed.map(({ image }) => image));
  const again = () => void run(failed.map(({ image }) => image), task);
  failures.value = { told: task.told, failed, again };
}

const idsOf = (images: Listed[]) => new Set(images.map(({ imageId }) => imageId));

function takeOut(images: Listed[]): void {
  const gone = idsOf(images);
  listing.value?.remove(gone);
  leaveOut(gone);
  endIfNone();
}

function endIfNone(): void {
  if (!failures.value) endSelecting();
}

/** Delete them; where there is a trash, with one way back for all. */
export function removeAll(images: Listed[]): Promise<void> {
  const permanent = isForEver();
  const tried = new Set<string>();
  const one = async ({ imageId }: Listed) => {
    const isAgain = tried.has(imageId);
    tried.add(imageId);
    try {
      await deleteImage(imageId, permanent);
    } catch (error) {
      // The answer to the first try was lost, not the deletion.
      if (!isAgain || problemFrom(error).code !== "image_not_found") throw error;
    }
  };
  return run(images, {
    doing: "Deleting",
    told: "could not be deleted",
    one,
    then: (done) => {
      takeOut(done);
      const many = plural(done.length, "picture");
      if (permanent) return tell(`${many} deleted.`);
      const back = () => void bringBackAll(done, "back");
      tell(`${many} moved to the trash.`, { action: { label: "Undo", run: back } });
    },
  });
}

function bringBackAll(images: Listed[], where: string): Promise<void> {
  return run(images, {
    doing: "Restoring",
    told: "could not be restored",
    one: ({ imageId }) => restoreImage(imageId),
    then: (done) => {
      refresh();
      tell(`${plural(done.length, "picture")} ${where}.`);
    },
  });
}

/** Take them out of the trash. */
export function restoreAll(images: Listed[]): Promise<void> {
  return run(images, {
    doing: "Restoring",
    told: "could not be restored",
    one: ({ imageId }) => restoreImage(imageId),
    then: (done) => {
      takeOut(done);
      tell(`${plural(done.length, "picture")} back among the pictures.`);
    },
  });
}

/** Give tags to all of them, and take others away; each keeps the rest of its own. */
export function tagAll(images: Listed[], added: string[], removed: string[]): Promise<void> {
  const changed: Listed[] = [];
  return run(images, {
    doing: "Tagging",
    told: "could not be tagged",
    one: async (image) => {
      // Not those of the listing: others may have changed them meanwhile.
      const { tags } = (await getImage(image.imageId)).metadata;
      const kept = tags.filter((tag) => !removed.includes(tag));
      const next = [...kept, ...added.filter((tag) => !kept.includes(tag))];
      const isSame = next.length === tags.length && next.every((tag, i) => tag === tags[i]);
      if (!isSame) await updateImage(image.imageId, { tags: next });
      changed.push({ ...image, tags: next });
    },
    then: (done) => {
      listing.value?.replace(changed);
      selectOnly(changed);
      tell(`${plural(done.length, "picture")} tagged.`);
    },
  });
}

/** Download each original; that it is there is asked first, for a browser tells of no failure. */
export function downloadAll(images: Listed[]): Promise<void> {
  return run(images, {
    doing: "Downloading",
    told: "could not be downloaded",
    atOnce: 1,
    one: async ({ imageId, filename }) => {
      const { here } = await getImage(imageId);
      const link = document.createElement("a");
      link.href = asDownload(here);
      link.download = filename;
      link.click();
      await sleep(BETWEEN_DOWNLOADS_S);
    },
    then: (done) => tell(`${plural(done.length, "picture")} handed to the browser.`),
  });
}

export const asDownload = (url: string) => `${url}${url.includes("?") ? "&" : "?"}download=1`;
