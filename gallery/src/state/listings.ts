// The listing that belongs to the place, and what is done to its pictures.
import { effect, signal, untracked } from "@preact/signals";
import { problemFrom } from "../api/client";
import {
  Change,
  deleteImage,
  findSimilar,
  listImages,
  listed,
  restoreImage,
  updateImage,
} from "../api/images";
import type { Listed, OneImage } from "../api/types";
import { Fetcher, Listing } from "./listing";
import { isFiltered, listingKey, Place, place } from "./place";
import { hasTrash, isReady } from "./session";
import { tell } from "./toasts";

const SIMILAR_DISTANCE = 10;
const SIMILAR_LIMIT = 200;

export const listing = signal<Listing | null>(null);

const dayAfter = (text: string) => {
  const date = new Date(`${text}T00:00:00`);
  date.setDate(date.getDate() + 1);
  return date.toISOString();
};

/** Return the list's arguments for a place; days are the visitor's own. */
function queryOf(at: Place): Record<string, string | number | boolean | null> {
  return {
    order: at.sort || null,
    format: at.format || null,
    tag: at.tag || null,
    filename: at.name || null,
    created_after: at.after ? new Date(`${at.after}T00:00:00`).toISOString() : null,
    created_before: at.before ? dayAfter(at.before) : null,
    min_bytes: at.min || null,
    max_bytes: at.max || null,
    trashed: at.view === "trash" || null,
  };
}

function fetcherFor(at: Place): Fetcher {
  if (at.similar) {
    return async (_page, abort) => {
      const images = await findSimilar(at.similar, SIMILAR_DISTANCE, SIMILAR_LIMIT, abort);
      return { images, total: images.length, totalIsExact: true, nextCursor: null };
    };
  }
  const query = queryOf(at);
  return (page, abort) => listImages({ ...query, ...page }, abort);
}

let shownKey = "";

function open(): void {
  listing.value?.end();
  const fresh = new Listing(fetcherFor(place.value));
  listing.value = fresh;
  void fresh.more();
}

export function reload(): void {
  untracked(open);
}

effect(() => {
  const key = listingKey.value;
  const isStorage = place.value.view === "storage";
  if (!isReady.value || isStorage || key === shownKey) return;
  shownKey = key;
  untracked(open);
});
effect(() => {
  if (!isReady.value) {
    shownKey = "";
    listing.value = null;
  }
});

/** Show a picture that was just stored, where this listing would have it. */
export async function showStored(id: string): Promise<void> {
  const now = listing.value;
  const at = place.value;
  const isNewestFirst = at.sort === "" || at.sort === "-createdAt";
  if (!now || at.view !== "pictures" || isFiltered.value || !isNewestFirst) return;
  try {
    now.insert(0, await listed(id));
  } catch (error) {
    tell(problemFrom(error).message, { kind: "problem" });
  }
}

export async function change(id: string, what: Change): Promise<OneImage> {
  const changed = await updateImage(id, what);
  const shown = listing.value?.find(id);
  const { filename, tags } = changed.metadata;
  if (shown) listing.value?.replace({ ...shown, filename, tags });
  return changed;
}

/** Put a picture into the trash, with a way back; or delete it, which the visitor has confirmed. */
export async function remove(image: Pick<Listed, "imageId" | "filename">): Promise<boolean> {
  const now = listing.value;
  const kept = now?.find(image.imageId);
  try {
    const permanent = place.value.view === "trash" || !hasTrash.value;
    await deleteImage(image.imageId, permanent);
    const at = now?.remove(image.imageId) ?? -1;
    if (permanent) tell(`${image.filename} was deleted.`);
    else {
      const run = () => void bringBack(image, { to: now, at, kept });
      tell(`${image.filename} is in the trash.`, { action: { label: "Undo", run } });
    }
    return true;
  } catch (error) {
    tell(problemFrom(error).message, { kind: "problem" });
    return false;
  }
}

interface From {
  to: Listing | null;
  at: number;
  kept: Listed | undefined;
}

async function bringBack(image: Pick<Listed, "imageId" | "filename">, from: From): Promise<void> {
  try {
    await restoreImage(image.imageId);
    if (from.to && from.at >= 0 && from.kept) from.to.insert(from.at, from.kept);
    tell(`${image.filename} is back.`);
  } catch (error) {
    tell(problemFrom(error).message, { kind: "problem" });
  }
}

/** Take a picture out of the trash. */
export async function restore(image: Pick<Listed, "imageId" | "filename">): Promise<void> {
  try {
    await restoreImage(image.imageId);
    listing.value?.remove(image.imageId);
    tell(`${image.filename} is back among the pictures.`);
  } catch (error) {
    tell(problemFrom(error).message, { kind: "problem" });
  }
}
