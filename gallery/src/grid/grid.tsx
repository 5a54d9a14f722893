// The pictures in justified rows, of which only those near the window are in the document.
import { effect, useComputed, useSignalEffect } from "@preact/signals";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Listed } from "../api/types";
import { Listing } from "../state/listing";
import { months } from "../state/listings";
import { place } from "../state/place";
import { isSelecting, selectTo, selected, toggle } from "../state/selection";
import { Cell } from "./cell";
import { Geometry } from "./geometry";
import { onKeys } from "./keys";
import { longPress } from "./press";
import { Scrubber } from "./scrubber";
import { isFlying, scrolledTo } from "./scrolling";
import { useAnchor, useKept } from "./staying";

const GAP_PX = 6;
const AHEAD_SCREENS = 1;
const PREFETCH_SCREENS = 4;
/** What the header and the filters cover. */
const COVERED_PX = 140;
const BELOW_PX = 90;

const targetHeight = (width: number) => (width < 520 ? 132 : width < 900 ? 180 : 224);

export interface GridProps {
  listing: Listing;
  label: string;
  onDelete: (image: Listed) => void;
  onDeleteSelected: () => void;
}

export function Grid({ listing, label, onDelete, onDeleteSelected }: GridProps) {
  const list = useRef<HTMLUListElement>(null);
  const width = useWidth(list);
  const version = listing.version.value;
  const [top, setTop] = useState(0);
  const [active, setActive] = useState(0);
  const geometry = useMemo(() => {
    const shape = { width: Math.max(1, width), target: targetHeight(width), gap: GAP_PX };
    return new Geometry(listing, shape);
  }, [listing, width]);
  useMemo(() => geometry.update(), [geometry, version, listing.isComplete]);
  useKept(listing);
  useAnchor(list, geometry, version);
  const look = useLook(list, geometry, active, setTop);
  useLayoutEffect(look, [look, version, width]);

  const focus = useCallback(
    (index: number) => void reach(index, geometry, list.current, setActive),
    [geometry],
  );
  const onSelect = useCallback((index: number, isRange: boolean) => {
    if (isRange) void selectTo(index);
    else toggle(index);
  }, []);
  const press = useMemo(() => longPress((index) => onSelect(index, false)), [onSelect]);
  useReturnOfFocus(listing, focus);

  const screen = innerHeight;
  return (
    <>
      <ul
        class={isSelecting.value ? "grid is-selecting" : "grid"}
        ref={list}
        aria-label={label}
        aria-describedby="grid-keys"
        style={{ height: `${geometry.height}px` }}
        onKeyDown={(event) => onKeys(event, { geometry, active, focus, onDelete, onDeleteSelected })}
        {...press}
      >
        {width > 0 &&
          cells({
            geometry,
            from: top - AHEAD_SCREENS * screen,
            to: top + (1 + AHEAD_SCREENS) * screen,
            active: Math.min(active, Math.max(0, listing.count - 1)),
            setActive,
            onSelect,
          })}
      </ul>
      <p id="grid-keys" hidden>
        Press x to select, Shift with arrows to select several.
      </p>
      {months.value.length > 1 && listing.isComplete && geometry.height > 3 * screen && (
        <Scrubber geometry={geometry} months={months.value} list={list} />
      )}
    </>
  );
}

interface Drawn {
  geometry: Geometry;
  from: number;
  to: number;
  active: number;
  setActive: (index: number) => void;
  onSelect: (index: number, isRange: boolean) => void;
}

function cells({ geometry, from, to, active, setActive, onSelect }: Drawn) {
  const { listing } = geometry;
  const drawn = [];
  const last = geometry.blockAt(to);
  const kept = listing.blockOf(active);
  const numbers = [];
  for (let number = geometry.blockAt(from); number <= last; number += 1) numbers.push(number);
  // What has the focus stays in the document, or the focus would be lost.
  if (!numbers.includes(kept)) numbers.push(kept);
  for (const number of numbers) {
    const block = listing.blocks[number];
    if (!block) continue;
    const top = geometry.top(number);
    if (!block.images) {
      if (number <= last) drawn.push(gap(geometry, number, block.hasFailed));
      continue;
    }
    const { rows, ratios } = geometry.rows(block);
    for (const row of rows) {
      const first = block.first + row.first;
      const isSeen = top + row.top <= to && top + row.top + row.height >= from;
      if (!isSeen && !(active >= first && active < first + row.count)) continue;
      let x = 0;
      for (let i = 0; i < row.count; i += 1) {
        const image = block.images[row.first + i]!;
        const isEnd = row.isFull && i === row.count - 1;
        const width = isEnd ? geometry.shape.width - x : ratios[row.first + i]! * row.height;
        drawn.push(
          <Cell
            key={image.imageId}
            image={image}
            index={first + i}
            total={listing.totalIsExact.value ? (listing.total.value ?? -1) : -1}
            x={x}
            y={top + row.top}
            width={width}
            height={row.height}
            isActive={first + i === active}
            isSelecting={isSelecting.value}
            isSelected={selected.value.has(image.imageId)}
            isArriving={listing.arrived.has(image.imageId)}
            onFocus={setActive}
            onSelect={onSelect}
          />,
        );
        x += width + geometry.shape.gap;
      }
    }
  }
  return drawn;
}

function gap(geometry: Geometry, number: number, hasFailed: boolean) {
  const height = Math.max(0, geometry.blockHeight(number) - geometry.shape.gap);
  const style = { transform: `translateY(${geometry.top(number)}px)`, height: `${height}px` };
  return (
    <li key={`gap ${number}`} class={hasFailed ? "gap has-failed" : "gap"} style={style}>
      {hasFailed ? (
        <button class="button" onClick={() => geometry.listing.retryFailed()}>
          Not loaded. Try again
        </button>
      ) : (
        <span class="sr-only">Pictures that are not loaded yet</span>
      )}
    </li>
  );
}

/** Return what looks at where the page is scrolled to, and asks for what is to be seen there. */
function useLook(
  list: { current: HTMLElement | null },
  geometry: Geometry,
  active: number,
  setTop: (top: number) => void,
): () => void {
  const { listing } = geometry;
  const look = useCallback(() => {
    if (!list.current || !listing.blocks.length) return;
    const screen = innerHeight;
    const top = scrollY - list.current.offsetTop;
    // Cells are drawn a screen ahead, so steps of a quarter of one are enough.
    setTop(Math.round((4 * top) / screen) * (screen / 4));
    listing.view = {
      from: geometry.indexAt(top - AHEAD_SCREENS * screen),
      to: geometry.indexAt(top + (1 + AHEAD_SCREENS) * screen),
      isAtTop: top < COVERED_PX,
    };
    if (listing.view.isAtTop && listing.fresh.peek()) listing.sawTop();
    if (isFlying.peek()) return;
    const first = geometry.blockAt(top - AHEAD_SCREENS * screen);
    listing.look(first, geometry.blockAt(top + (1 + AHEAD_SCREENS) * screen), active);
    if (top + (1 + PREFETCH_SCREENS) * screen > geometry.height) void listing.more();
  }, [geometry, active]);
  useEffect(() => {
    const onScroll = () => {
      scrolledTo(scrollY);
      look();
    };
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("resize", look);
    const unsubscribe = isFlying.subscribe((flies) => {
      if (!flies) look();
    });
    return () => {
      removeEventListener("scroll", onScroll);
      removeEventListener("resize", look);
      unsubscribe();
    };
  }, [look]);
  return look;
}

function useWidth(list: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = list.current!;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Bring a picture into the window and give it the focus, as soon as it is there. */
async function reach(
  index: number,
  geometry: Geometry,
  list: HTMLElement | null,
  setActive: (index: number) => void,
): Promise<void> {
  if (!list) return;
  setActive(index);
  reveal(list.offsetTop + geometry.yOf(index), geometry.spot(index)?.row.height ?? 0);
  if (!geometry.spot(index)) {
    try {
      await geometry.listing.ensure(index, index);
    } catch {
      return; // Its place says so.
    }
  }
  requestAnimationFrame(() => {
    const spot = geometry.spot(index);
    if (spot) reveal(list.offsetTop + spot.y, spot.row.height);
    requestAnimationFrame(() => {
      list.querySelector<HTMLElement>(`[data-index="${index}"] a`)?.focus({ preventScroll: true });
    });
  });
}

function reveal(top: number, height: number): void {
  if (top < scrollY + COVERED_PX) scrollTo({ top: top - COVERED_PX, behavior: "instant" });
  else if (top + height > scrollY + innerHeight - BELOW_PX) {
    scrollTo({ top: top + height - innerHeight + BELOW_PX, behavior: "instant" });
  }
}

/** Give the focus back to the picture that was looked at, where the others are by now. */
function useReturnOfFocus(listing: Listing, focus: (index: number) => void): void {
  const opened = useRef("");
  const image = useComputed(() => place.value.image);
  // At once: a hook's effects wait for a frame, and whoever turns and closes within it looked, too.
  useLayoutEffect(
    () =>
      effect(() => {
        if (image.value) opened.current = image.value;
      }),
    [image],
  );
  useSignalEffect(() => {
    if (image.value || !opened.current) return;
    const index = listing.indexOf(opened.current);
    opened.current = "";
    if (index >= 0) focus(index);
  });
}
