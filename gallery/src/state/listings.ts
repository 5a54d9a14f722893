// The listing that belongs to the place, and its months.
import { effect, signal, untracked } from "@preact/signals";
import { Problem } from "../api/client";
import { findSimilar, getTimeline, listImages, listed } from "../api/images";
import { type Query } from "../api/client";
import type { MonthCount } from "../api/types";
import { returns } from "./connection";
import { Fetcher, Listing } from "./listing";
import { isFiltered, listingKey, Place, place } from "./place";
import { isReady } from "./session";

const SIMILAR_DISTANCE = 10;
const SIMILAR_LIMIT = 200;

export const listing = signal<Listing | null>(null);
/** The months of the listing in its order; empty where it has another one, or they are not known. */
export const months = signal<MonthCount[]>([]);

const dayAfter = (text: string) => {
  const date = new Date(`${text}T00:00:00`);
  date.setDate(date.getDate() + 1);
  return date.toISOString();
};

/** Return the list's filters for a place; days are the visitor's own. */
function filtersOf(at: Place): Query {
  return {
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
    return async ({ skip, limit }, abort) => {
      const all = await findSimilar(at.similar, SIMILAR_DISTANCE, SIMILAR_LIMIT, abort);
      const images = all.slice(skip, skip + limit);
      return { images, total: all.length, totalIsExact: true, nextCursor: null };
    };
  }
  const query = { ...filtersOf(at), order: at.sort || null };
  return ({ limit, skip, cursor }, abort) =>
    listImages({ ...query, limit, cursor, skip: skip || null }, abort);
}

const isNewestFirst = (at: Place) => at.sort === "" || at.sort === "-createdAt";
const isByDate = (at: Place) => isNewestFirst(at) || at.sort === "createdAt";

let shownKey = "";

function open(): void {
  listing.value?.end();
  const at = place.value;
  const fresh = new Listing(fetcherFor(at), isNewestFirst(at) && !at.similar);
  fresh.onDrift = refresh;
  listing.value = fresh;
  months.value = [];
  void fresh.more().then(() => loadMonths(fresh));
}

export function reload(): void {
  untracked(open);
}

async function loadMonths(of: Listing): Promise<void> {
  const at = place.value;
  if (of !== listing.value || at.similar || of.total.value === null) return;
  if (!isByDate(at) && of.totalIsExact.value) return;
  try {
    const told = await getTimeline(filtersOf(at));
    if (of !== listing.value || !told.months) return;
    if (!of.totalIsExact.value) of.know(told.total);
    if (isByDate(at)) months.value = isNewestFirst(at) ? told.months.reverse() : told.months;
  } catch (error) {
    // Without months there is the browser's own scroll bar.
    if (!(error instanceof Problem)) throw error;
  }
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
effect(() => {
  if (!returns.value) return;
  untracked(() => {
    const now = listing.value;
    if (!now) return;
    if (now.total.value === null) reload();
    else now.retryFailed();
  });
});

const SETTLE_MS = 400;
let timer = 0;
let isSyncing = false;

/** Have the listing as the service has it now, soon: what came and went meanwhile is seen. */
export function refresh(): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void sync(), SETTLE_MS);
}

async function sync(): Promise<void> {
  const now = listing.value;
  if (!now) return;
  if (isSyncing) return refresh();
  isSyncing = true;
  try {
    await now.sync();
    await loadMonths(now);
  } catch (error) {
    // The version that was not caught up with is asked for again: state/changes.ts.
    if (!(error instanceof Problem)) throw error;
    onMissed();
  } finally {
    isSyncing = false;
  }
}

let onMissed = () => {};

/** Args: call: is told when the listing could not be brought up to date. */
export function whenMissed(call: () => void): void {
  onMissed = call;
}

/** Show a picture that was just stored, where this listing would have it. Throws Problem. */
export async function showStored(id: string): Promise<void> {
  const now = listing.value;
  const at = place.value;
  if (!now || at.view !== "pictures" || isFiltered.value || !isNewestFirst(at)) return;
  now.insert(0, await listed(id));
}
