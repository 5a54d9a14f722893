// Whether the page flies by: pictures that nobody will look at are not asked for.
import { signal } from "@preact/signals";

const FAST_PX_PER_MS = 4;
const STILL_MS = 120;

export const isFlying = signal(false);

let lastY = 0;
let lastMs = 0;
let timer = 0;

export function scrolledTo(y: number): void {
  const now = performance.now();
  const speed = Math.abs(y - lastY) / Math.max(1, now - lastMs);
  lastY = y;
  lastMs = now;
  if (speed > FAST_PX_PER_MS && speed < Infinity) isFlying.value = true;
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    isFlying.value = false;
  }, STILL_MS);
}
