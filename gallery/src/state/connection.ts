// Whether the service answers. While it does not, it is looked for, and what is there is kept.
import { signal } from "@preact/signals";
import { setHooks } from "../api/client";
import { getSession } from "../api/images";
import { session } from "./session";

const WAITS_MS = [1000, 2000, 4000, 8000];

export const isReached = signal(true);
/** Goes up each time the service is back. */
export const returns = signal(0);

let timer = 0;
let tries = 0;

function look(): void {
  clearTimeout(timer);
  const wait = WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]!;
  timer = window.setTimeout(() => {
    tries += 1;
    getSession().then(
      (found) => {
        if (session.value && !session.value.needsToken && !found.needsToken) session.value = found;
      },
      () => {}, // Told by reached(), which looks again.
    );
  }, wait);
}

function reached(isThere: boolean): void {
  if (isThere === isReached.value) {
    if (!isThere) look();
    return;
  }
  isReached.value = isThere;
  if (!isThere) return look();
  clearTimeout(timer);
  tries = 0;
  returns.value += 1;
}

setHooks({ reached });
addEventListener("online", () => {
  tries = 0;
  if (!isReached.value) look();
});
