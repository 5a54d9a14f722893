// The pictures that are selected, by id: they stay so wherever the page is scrolled.
import { computed, effect, signal, untracked } from "@preact/signals";
import { problemFrom } from "../api/client";
import type { Listed } from "../api/types";
import { listing } from "./listings";
import { plural } from "../text";
import { tell } from "./toasts";

/** More at once than this is asked for by filters, not by a range. */
const MOST_IN_RANGE = 2000;

export const selected = signal<ReadonlyMap<string, Listed>>(new Map());
const isMode = signal(false);
export const isSelecting = computed(() => isMode.value || selected.value.size > 0);

let anchor = -1;

export function startSelecting(): void {
  isMode.value = true;
}

export function endSelecting(): void {
  isMode.value = false;
  selected.value = new Map();
  anchor = -1;
}

/** Take a picture in or out. */
export function toggle(index: number): void {
  const image = listing.peek()?.at(index);
  if (!image) return;
  const next = new Map(selected.value);
  if (!next.delete(image.imageId)) next.set(image.imageId, image);
  selected.value = next;
  anchor = index;
}

/** Take in all from the picture that was taken last to this one. */
export async function selectTo(index: number): Promise<void> {
  const now = listing.peek();
  if (!now) return;
  if (anchor < 0) return toggle(index);
  const [from, to] = [Math.min(anchor, index), Math.max(anchor, index)];
  if (to - from >= MOST_IN_RANGE) {
    return tell(`At most ${plural(MOST_IN_RANGE, "picture")} are selected at once.`, { kind: "problem" });
  }
  try {
    add(await now.ensure(from, to));
  } catch (error) {
    tell(problemFrom(error).message, { kind: "problem" });
  }
}

/** Begin a range at this picture, unless one was begun. */
export function anchorAt(index: number): void {
  if (anchor < 0) anchor = index;
}

export function selectLoaded(): void {
  add(listing.peek()?.held() ?? []);
}

function add(images: Listed[]): void {
  const next = new Map(selected.value);
  for (const image of images) next.set(image.imageId, image);
  selected.value = next;
}

/** Have no more than these selected. */
export function selectOnly(images: Listed[]): void {
  selected.value = new Map(images.map((image) => [image.imageId, image]));
}

/** Forget pictures that are gone. */
export function leaveOut(ids: ReadonlySet<string>): void {
  const left = [...selected.value].filter(([id]) => !ids.has(id));
  if (left.length < selected.value.size) selected.value = new Map(left);
}

let of = listing.peek();
effect(() => {
  const now = listing.value;
  if (now === of) return;
  of = now;
  untracked(endSelecting);
});
