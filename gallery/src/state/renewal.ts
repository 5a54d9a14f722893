// Addresses of pictures that end: they are asked for anew before they do, and when one has ended.
import { effect, signal } from "@preact/signals";
import { listing } from "./listings";
import { isReady, urlsLastMs } from "./session";

const LONGEST_MS = 15_000;

/** Goes up when addresses were found to have ended, after the page slept. */
export const endings = signal(0);

function renew(): void {
  const now = listing.value;
  const lastMs = urlsLastMs.value;
  if (!now || !lastMs || document.hidden) return;
  const { from, to } = now.view;
  now.renew(now.blockOf(from), now.blockOf(to), Date.now() - lastMs);
}

effect(() => {
  const lastMs = urlsLastMs.value;
  if (!isReady.value || !lastMs) return;
  const timer = setInterval(renew, Math.min(LONGEST_MS, lastMs / 4));
  return () => clearInterval(timer);
});
effect(() => {
  if (endings.value) renew();
});
addEventListener("visibilitychange", renew);
