// The months of a long listing along the edge: where one is, and a way to be anywhere at once.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { MonthCount } from "../api/types";
import { monthName, plural } from "../text";
import type { Geometry } from "./geometry";

interface ScrubberProps {
  geometry: Geometry;
  months: MonthCount[];
  list: { current: HTMLElement | null };
}

interface Mark {
  month: string;
  files: number;
  first: number;
  /** From 0 to 1, along the edge. */
  at: number;
}

/** What the header covers. */
const COVERED_PX = 64;
const LABEL_PX = 26;
const SHOWN_MS = 1400;

export function Scrubber({ geometry, months, list }: ScrubberProps) {
  const track = useRef<HTMLDivElement>(null);
  const [y, setY] = useState(() => scrollY);
  const chosen = useRef<{ number: number; y: number } | null>(null);
  const [, setSteps] = useState(0);
  const [isHeld, setHeld] = useState(false);
  const isMoving = useMoving(setY);
  const version = geometry.listing.version.value;
  const marks = useMemo(() => marked(geometry, months), [geometry, months, version]);
  const offset = list.current?.offsetTop ?? 0;
  const way = Math.max(1, geometry.height - innerHeight + offset);
  const share = clamp((y - offset) / way);
  const seen = geometry.indexAt(Math.max(0, y - offset) + COVERED_PX + 1);
  // Several months may be in one row: then it is the one that was gone to, also when that row moves
  // a little as its pictures come.
  const isThere = chosen.current && Math.abs(chosen.current.y - y) < geometry.shape.target;
  const current = isThere ? chosen.current!.number : marks.findLastIndex((mark) => mark.first <= seen);
  const now = marks[Math.max(0, current)]!;

  const toShare = (wanted: number) =>
    scrollTo({ top: wanted > 0 ? offset + clamp(wanted) * way : 0, behavior: "instant" });
  const toMark = (wanted: number) => {
    const number = Math.max(0, Math.min(wanted, marks.length - 1));
    const { first } = marks[number]!;
    scrollTo({ top: first ? offset + geometry.yOf(first) - COVERED_PX : 0, behavior: "instant" });
    chosen.current = { number, y: scrollY };
    setY(scrollY);
    setSteps((old) => old + 1);
  };
  const toPointer = (event: PointerEvent) => {
    const box = track.current!.getBoundingClientRect();
    toShare((event.clientY - box.top) / box.height);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, () => void> = {
      ArrowDown: () => toMark(current + 1),
      ArrowUp: () => toMark(current - 1),
      ArrowRight: () => toMark(current + 1),
      ArrowLeft: () => toMark(current - 1),
      PageDown: () => toMark(otherYear(marks, current, 1)),
      PageUp: () => toMark(otherYear(marks, current, -1)),
      Home: () => toShare(0),
      End: () => toShare(1),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };
  const told = `${monthName(now.month)}, ${plural(now.files, "picture")}`;
  return (
    <div class={`scrubber ${isHeld ? "is-held" : ""} ${isMoving ? "is-moving" : ""}`}>
      <div
        ref={track}
        class="scrubber-track"
        role="slider"
        tabIndex={0}
        aria-label="Month"
        aria-orientation="vertical"
        aria-valuemin={1}
        aria-valuemax={marks.length}
        aria-valuenow={Math.max(0, current) + 1}
        aria-valuetext={told}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          track.current!.setPointerCapture(event.pointerId);
          setHeld(true);
          toPointer(event);
        }}
        onPointerMove={(event) => {
          if (isHeld) toPointer(event);
        }}
        onPointerUp={() => setHeld(false)}
        onPointerCancel={() => setHeld(false)}
      >
        {labels(marks, track.current?.clientHeight ?? innerHeight).map(({ month, at, isYear }) => (
          <span key={month} class={isYear ? "year" : "tick"} style={{ top: `${100 * at}%` }} aria-hidden="true">
            {isYear && month.slice(0, 4)}
          </span>
        ))}
        <span class="thumb" style={{ top: `${100 * share}%` }} aria-hidden="true">
          <span class="thumb-month">{monthName(now.month)}</span>
        </span>
      </div>
    </div>
  );
}

const clamp = (share: number) => Math.min(1, Math.max(0, share));

function marked(geometry: Geometry, months: MonthCount[]): Mark[] {
  let first = 0;
  return months.map(({ month, files }) => {
    const mark = { month, files, first, at: clamp(geometry.yOf(first) / Math.max(1, geometry.height)) };
    first += files;
    return mark;
  });
}

/** Return years where there is room for their names, and the months between them as ticks. */
function labels(marks: Mark[], height: number) {
  let lastY = -Infinity;
  let year = "";
  return marks.map((mark) => {
    const isNew = mark.month.slice(0, 4) !== year;
    year = mark.month.slice(0, 4);
    const isYear = isNew && mark.at * height - lastY >= LABEL_PX && (1 - mark.at) * height > LABEL_PX / 2;
    if (isYear) lastY = mark.at * height;
    return { ...mark, isYear };
  });
}

function otherYear(marks: Mark[], current: number, step: 1 | -1): number {
  const year = marks[Math.max(0, current)]!.month.slice(0, 4);
  let at = current;
  while (marks[at + step] && marks[at]!.month.slice(0, 4) === year) at += step;
  return at;
}

/** Follow the page; tell whether it has been scrolled just now, for phones show no more then. */
function useMoving(setY: (y: number) => void): boolean {
  const [isMoving, setMoving] = useState(false);
  useEffect(() => {
    let timer = 0;
    let frame = 0;
    const onScroll = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setY(scrollY));
      setMoving(true);
      clearTimeout(timer);
      timer = window.setTimeout(() => setMoving(false), SHOWN_MS);
    };
    addEventListener("scroll", onScroll, { passive: true });
    return () => {
      removeEventListener("scroll", onScroll);
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, []);
  return isMoving;
}
