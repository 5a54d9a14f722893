// What keys do in the grid.
import type { Listed } from "../api/types";
import {
  anchorAt,
  endSelecting,
  isSelecting,
  selectLoaded,
  selectTo,
  selected,
  toggle,
} from "../state/selection";
import type { Geometry } from "./geometry";

export interface Keys {
  geometry: Geometry;
  active: number;
  focus: (index: number) => void;
  onDelete: (image: Listed) => void;
  onDeleteSelected: () => void;
}

export function onKeys(event: KeyboardEvent, keys: Keys): void {
  if (event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key.toLowerCase() === "a" && !event.shiftKey) done(event, selectLoaded);
    return;
  }
  const step = stepOf(event.key, keys);
  if (step !== null) {
    const at = Math.max(0, Math.min(step, keys.geometry.listing.count - 1));
    done(event, () => {
      if (event.shiftKey) extend(keys.active, at);
      keys.focus(at);
    });
  } else if (event.key === "x" || event.key === "X") done(event, () => toggle(keys.active));
  else if (event.key === "Escape" && isSelecting.value) done(event, endSelecting);
  else if (event.key === "Enter" && event.shiftKey) done(event, () => toggle(keys.active));
  else if (event.key === "Delete" || event.key === "Backspace") remove(event, keys);
}

function done(event: KeyboardEvent, what: () => void): void {
  event.preventDefault();
  what();
}

function stepOf(key: string, { geometry, active }: Keys): number | null {
  if (key === "ArrowRight") return active + 1;
  if (key === "ArrowLeft") return active - 1;
  if (key === "ArrowDown") return geometry.beside(active, 1);
  if (key === "ArrowUp") return geometry.beside(active, -1);
  if (key === "Home") return 0;
  return key === "End" ? geometry.listing.count - 1 : null;
}

function extend(from: number, to: number): void {
  anchorAt(from);
  void selectTo(to);
}

function remove(event: KeyboardEvent, keys: Keys): void {
  const image = keys.geometry.listing.at(keys.active);
  if (selected.value.size) done(event, keys.onDeleteSelected);
  else if (image) done(event, () => keys.onDelete(image));
}
