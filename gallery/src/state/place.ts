// Where the visitor is: all of it in the address, so that links and the back button work.
import { computed, signal } from "@preact/signals";

export type View = "pictures" | "trash" | "storage";

export interface Place {
  view: View;
  /** The picture that is looked at. */
  image: string;
  /** The picture whose look-alikes are shown. */
  similar: string;
  name: string;
  tag: string;
  format: string;
  after: string;
  before: string;
  min: string;
  max: string;
  sort: string;
}

const NOWHERE: Place = {
  view: "pictures",
  image: "",
  similar: "",
  name: "",
  tag: "",
  format: "",
  after: "",
  before: "",
  min: "",
  max: "",
  sort: "",
};
const KEYS = Object.keys(NOWHERE) as (keyof Place)[];
export const FILTERS = ["name", "tag", "format", "after", "before", "min", "max"] as const;

const isDay = (text: string) =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T12:00:00`));
const isSize = (text: string) => /^\d{1,15}$/.test(text);
const CHECKS: Partial<Record<keyof Place, (text: string) => boolean>> = {
  after: isDay,
  before: isDay,
  min: isSize,
  max: isSize,
};

/** Read the address, which may have been written by hand: what means nothing is left out. */
function read(): Place {
  const query = new URLSearchParams(location.search);
  const found = { ...NOWHERE } as Record<keyof Place, string>;
  for (const key of KEYS) {
    const text = query.get(key);
    if (text !== null && (CHECKS[key]?.(text) ?? true)) found[key] = text;
  }
  if (!["pictures", "trash", "storage"].includes(found.view)) found.view = "pictures";
  return found as Place;
}

function write(place: Place): string {
  const query = new URLSearchParams();
  for (const key of KEYS) if (place[key] !== NOWHERE[key]) query.set(key, place[key]);
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

export const place = signal<Place>(read());
/** What the listing depends on; it stays the same while pictures are looked at. */
export const listingKey = computed(() => write({ ...place.value, image: "" }));
export const isFiltered = computed(
  () => FILTERS.some((key) => place.value[key] !== "") || place.value.similar !== "",
);

history.scrollRestoration = "manual";
addEventListener("popstate", () => {
  place.value = read();
});

/** Return the address of a place that differs from this one. */
export function hrefTo(change: Partial<Place>): string {
  return write({ ...place.peek(), ...change });
}

/** Return the address of a view, with no filters. */
export function hrefOf(view: View): string {
  return write({ ...NOWHERE, view });
}

interface Step {
  depth: number;
}

const depth = () => (history.state as Step | null)?.depth ?? 0;

export function go(change: Partial<Place>, { replace = false } = {}): void {
  const next = { ...place.value, ...change };
  const step: Step = { depth: replace ? depth() : depth() + 1 };
  if (replace) history.replaceState(step, "", write(next));
  else history.pushState(step, "", write(next));
  place.value = next;
}

export function goToView(view: View): void {
  go({ ...NOWHERE, view });
}

export function clearFilters(): void {
  go({ ...NOWHERE, view: place.value.view, sort: place.value.sort });
}

/** Go back to where the picture was opened, or to the listing when it was opened by its address. */
export function closeImage(): void {
  if (depth() > 0) history.back();
  else go({ image: "" }, { replace: true });
}

/** Have a link be followed without loading the page again; other ways to click stay the browser's. */
export function follow(event: MouseEvent, change: () => void): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  change();
}
