// What is looked at stays where it is while pictures come and go elsewhere on the page.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Listing } from "../state/listing";
import type { Geometry } from "./geometry";

/**
 * Where the first picture in the window is that is held. Where none is: where the first should be,
 * by its number.
 */
interface Anchor {
  geometry: Geometry;
  id: string;
  index: number;
  /** Where it was laid out, px. */
  y: number;
  /** How far below the top of the window, px. */
  below: number;
  /** Whether the page was scrolled to its end. */
  isAtEnd: boolean;
}

const COVERED_PX = 64;
const ROUNDED_PX = 2;

/** Scroll along when what is above the window grows or shrinks; at the top, new pictures are seen. */
export function useAnchor(list: { current: HTMLElement | null }, geometry: Geometry, version: number): void {
  const anchor = useRef<Anchor | null>(null);
  const shown = useRef<string | undefined>(undefined);
  useLayoutEffect(() => {
    const take = () => {
      // What has changed and is not laid out yet has no place: the anchor of before holds.
      if (geometry.listing.version.peek() !== version) return;
      anchor.current = list.current && taken(geometry, list.current.offsetTop);
    };
    const old = anchor.current;
    if (old && list.current) {
      const index = geometry.listing.indexOf(old.id);
      const at = index >= 0 ? index : old.index;
      const y = geometry.yOf(at);
      const isSameShape = old.geometry === geometry;
      // By how much it moved, not to where: the page may have been scrolled since.
      const moved = isSameShape ? scrollY + y - old.y : list.current.offsetTop + y - old.below - COVERED_PX;
      // Whoever went to the end stays there, however high it turns out to be.
      const to = old.isAtEnd && geometry.listing.isComplete ? endOfPage() : moved;
      if (Math.abs(to - scrollY) > 0.5) scrollTo({ top: to, behavior: "instant" });
    }
    const top = geometry.listing.at(0)?.imageId;
    if (!old && list.current && shown.current && top !== shown.current) slide(list.current);
    shown.current = top;
    take();
    addEventListener("scroll", take, { passive: true });
    return () => removeEventListener("scroll", take);
  }, [geometry, version]);
}

const SLIDE_MS = 300;

/** Have pictures move to where they are now, rather than be there at once. */
function slide(list: HTMLElement): void {
  list.classList.add("is-sliding");
  setTimeout(() => list.classList.remove("is-sliding"), SLIDE_MS);
}

function taken(geometry: Geometry, offsetTop: number): Anchor | null {
  const top = scrollY - offsetTop + COVERED_PX;
  if (top <= COVERED_PX) return null;
  // Pages scroll by whole pixels, rows have fractions of them: what is left of a row above is not looked at.
  const from = top + ROUNDED_PX;
  const index = geometry.heldBetween(from, top - COVERED_PX + innerHeight) ?? geometry.indexAt(from);
  const id = geometry.listing.at(index)?.imageId ?? "";
  const y = geometry.yOf(index);
  const isAtEnd = scrollY >= endOfPage() - ROUNDED_PX;
  return { geometry, index, id, y, below: Math.max(0, y - top), isAtEnd };
}

/** Return how far the page can be scrolled. */
function endOfPage(): number {
  return document.documentElement.scrollHeight - innerHeight;
}

const offsets = new WeakMap<Listing, number>();

/** Come back to where a listing was left. */
export function useKept(listing: Listing): void {
  useLayoutEffect(() => {
    scrollTo({ top: offsets.get(listing) ?? 0, behavior: "instant" });
    return () => void offsets.set(listing, scrollY);
  }, [listing]);
}
