// The pictures in justified rows, of which only those near the window are in the document.
import { useComputed, useSignalEffect } from "@preact/signals";
import { memo } from "preact/compat";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Listed } from "../api/types";
import { Listing } from "../state/listing";
import { follow, go, hrefTo, place } from "../state/place";
import { Picture } from "../ui/picture";
import { day } from "../text";
import { Row, Rows } from "./rows";
import { scrolledTo } from "./scrolling";

const GAP_PX = 6;
const AHEAD_SCREENS = 1;
const PREFETCH_SCREENS = 4;

const targetHeight = (width: number) => (width < 520 ? 132 : width < 900 ? 180 : 224);

interface Seen {
  first: number;
  last: number;
}

export interface GridProps {
  listing: Listing;
  label: string;
  onDelete: (image: Listed) => void;
}

export function Grid({ listing, label, onDelete }: GridProps) {
  const list = useRef<HTMLUListElement>(null);
  const width = useWidth(list);
  const version = listing.version.value;
  const layout = listing.layout.value;
  const [seen, setSeen] = useState<Seen>({ first: 0, last: 0 });
  const [active, setActive] = useState(0);
  const rows = useMemo(
    () => new Rows(width, targetHeight(width), GAP_PX),
    [listing, width, layout],
  );
  useMemo(() => {
    if (width > 0) rows.extend(listing.ratios);
  }, [rows, version, width]);

  const look = useCallback(() => {
    if (!list.current || !rows.rows.length) return;
    const screen = innerHeight;
    const top = scrollY - (list.current.offsetTop ?? 0);
    const first = rows.at(top - AHEAD_SCREENS * screen);
    const last = rows.at(top + (1 + AHEAD_SCREENS) * screen);
    setSeen((old) => (old.first === first && old.last === last ? old : { first, last }));
    const end = rows.rows[last]!;
    listing.look(rows.rows[first]!.first, end.first + end.count - 1);
    if (top + (1 + PREFETCH_SCREENS) * screen > rows.height) void listing.more();
  }, [rows, listing]);

  useLayoutEffect(look, [look, version]);
  useEffect(() => {
    const onScroll = () => {
      scrolledTo(scrollY);
      look();
    };
    addEventListener("scroll", onScroll, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", onScroll);
      removeEventListener("resize", look);
    };
  }, [look]);
  useKept(listing);

  const focus = useCallback(
    (index: number) => {
      const at = Math.max(0, Math.min(index, listing.ids.length - 1));
      setActive(at);
      const row = rows.rows[rows.rowOf(at)];
      if (!row || !list.current) return;
      reveal(list.current.offsetTop + row.top, row.height);
      look();
      requestAnimationFrame(() => {
        list.current?.querySelector<HTMLElement>(`[data-index="${at}"] a`)?.focus();
      });
    },
    [rows, listing, look],
  );
  const onKeyDown = useKeys({ rows, listing, active, focus, onDelete });

  const shown: number[] = [];
  for (let i = seen.first; i <= Math.min(seen.last, rows.rows.length - 1); i += 1) shown.push(i);
  const current = rows.rows.length ? rows.rowOf(Math.min(active, listing.ids.length - 1)) : -1;
  // What has the focus stays in the document, or the focus would be lost.
  if (current >= 0 && !shown.includes(current)) shown.push(current);
  return (
    <ul
      class="grid"
      ref={list}
      aria-label={label}
      style={{ height: `${rows.height}px` }}
      onKeyDown={onKeyDown}
    >
      {shown.map((number) => {
        const row = rows.rows[number]!;
        return (
          <GridRow
            key={row.first}
            listing={listing}
            row={row}
            width={row.isFull ? rows.width : 0}
            top={row.top}
            height={row.height}
            active={active}
            version={version}
            onFocus={setActive}
          />
        );
      })}
    </ul>
  );
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

const offsets = new WeakMap<Listing, number>();

/** Come back to where a listing was left. */
function useKept(listing: Listing): void {
  useLayoutEffect(() => {
    scrollTo({ top: offsets.get(listing) ?? 0, behavior: "instant" });
    return () => void offsets.set(listing, scrollY);
  }, [listing]);
}

function reveal(top: number, height: number): void {
  const margin = 140;
  if (top < scrollY + margin) scrollTo({ top: top - margin, behavior: "instant" });
  else if (top + height > scrollY + innerHeight - 90) {
    scrollTo({ top: top + height - innerHeight + 90, behavior: "instant" });
  }
}

interface Keys {
  rows: Rows;
  listing: Listing;
  active: number;
  focus: (index: number) => void;
  onDelete: (image: Listed) => void;
}

function useKeys({ rows, listing, active, focus, onDelete }: Keys) {
  return (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps: Record<string, () => number> = {
      ArrowRight: () => active + 1,
      ArrowLeft: () => active - 1,
      ArrowDown: () => beside(rows, listing.ratios, active, 1),
      ArrowUp: () => beside(rows, listing.ratios, active, -1),
      Home: () => 0,
      End: () => listing.ids.length - 1,
    };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      focus(step());
    } else if (event.key === "Delete" || event.key === "Backspace") {
      const image = listing.at(active);
      if (image) {
        event.preventDefault();
        onDelete(image);
      }
    }
  };
}

/** Return the picture above or below: the one whose middle is nearest. */
function beside(rows: Rows, ratios: number[], index: number, step: 1 | -1): number {
  const row = rows.rows[rows.rowOf(index)];
  const other = rows.rows[rows.rowOf(index) + step];
  if (!row || !other) return index;
  const middle = middles(row, ratios)[index - row.first] ?? 0;
  const found = middles(other, ratios);
  let best = 0;
  found.forEach((value, i) => {
    if (Math.abs(value - middle) < Math.abs(found[best]! - middle)) best = i;
  });
  return other.first + best;
}

function middles(row: Row, ratios: number[]): number[] {
  let x = 0;
  return ratios.slice(row.first, row.first + row.count).map((ratio) => {
    const width = ratio * row.height;
    x += width + GAP_PX;
    return x - GAP_PX - width / 2;
  });
}

interface RowProps {
  listing: Listing;
  row: Row;
  width: number;
  top: number;
  height: number;
  active: number;
  version: number;
  onFocus: (index: number) => void;
}

function RowOfCells({ listing, row, width, top, height, active, onFocus }: RowProps) {
  const cells = [];
  let x = 0;
  for (let i = row.first; i < row.first + row.count; i += 1) {
    const isLast = i === row.first + row.count - 1;
    const cellWidth = isLast && width ? width - x : listing.ratios[i]! * height;
    cells.push(
      <Cell
        key={listing.ids[i]}
        image={listing.at(i)}
        index={i}
        total={listing.total.value ?? -1}
        x={x}
        y={top}
        width={cellWidth}
        height={height}
        isActive={i === active}
        onFocus={onFocus}
      />,
    );
    x += cellWidth + GAP_PX;
  }
  return <>{cells}</>;
}

const GridRow = memo(RowOfCells, (a, b) => {
  const isSame = a.row === b.row && a.width === b.width && a.version === b.version;
  const inRow = (props: RowProps) =>
    props.active >= props.row.first && props.active < props.row.first + props.row.count;
  return isSame && a.listing === b.listing && (a.active === b.active || (!inRow(a) && !inRow(b)));
});

interface CellProps {
  image: Listed | undefined;
  index: number;
  total: number;
  x: number;
  y: number;
  width: number;
  height: number;
  isActive: boolean;
  onFocus: (index: number) => void;
}

const Cell = memo(function Cell(props: CellProps) {
  const { image, index, total, x, y, width, height, isActive, onFocus } = props;
  const box = { transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` };
  if (!image) return <li class="cell" style={box} data-index={index} />;
  return (
    <li class="cell" style={box} data-index={index} aria-setsize={total} aria-posinset={index + 1}>
      <a
        href={hrefTo({ image: image.imageId })}
        data-id={image.imageId}
        tabIndex={isActive ? 0 : -1}
        aria-label={described(image)}
        onFocus={() => onFocus(index)}
        onClick={(event) => follow(event, () => go({ image: image.imageId }))}
      >
        <Picture
          thumbnails={image.thumbnails ?? []}
          fallback={image.here}
          hash={image.thumbhash}
          alt=""
          width={image.width}
          height={image.height}
          shownWidth={width}
        />
        <Caption image={image} />
      </a>
    </li>
  );
});

function Caption({ image }: { image: Listed }) {
  return (
    <span class={image.distance === undefined ? "caption" : "caption has-likeness"} aria-hidden="true">
      <span class="name">{image.filename}</span>
      {image.distance !== undefined && <Likeness image={image} />}
    </span>
  );
}

function Likeness({ image }: { image: Listed }) {
  const text = image.identical ? "same file" : image.distance === 0 ? "same picture" : "alike";
  return <span class="likeness">{text}</span>;
}

function described(image: Listed): string {
  const likeness = image.distance === undefined ? "" : image.identical ? ", same file" : ", alike";
  return `${image.filename}, ${image.width} by ${image.height}, ${day(image.createdAt)}${likeness}`;
}

/** Tell when the picture that was looked at is closed, and give the focus back to its cell. */
export function useReturnOfFocus(listing: Listing | null): void {
  const opened = useRef("");
  const image = useComputed(() => place.value.image);
  useSignalEffect(() => {
    const now = image.value;
    if (now) opened.current = now;
    else if (opened.current && listing) {
      const id = opened.current;
      opened.current = "";
      requestAnimationFrame(() => {
        document.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus();
      });
    }
  });
}
