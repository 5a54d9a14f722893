// Pictures that others store, change or delete: a version is asked for now and then while the page
// is looked at, and only another one than before has the listing asked for anew.
import { effect, untracked } from "@preact/signals";
import { Problem } from "../api/client";
import { getVersion } from "../api/images";
import { isReached, returns } from "./connection";
import { listing, refresh, whenMissed } from "./listings";
import { isReady } from "./session";

const EVERY_MS = 4000;

let version: string | null = null;
let isAsking = false;

async function ask(): Promise<void> {
  if (isAsking || document.hidden || !isReached.value || !listing.value) return;
  isAsking = true;
  try {
    const found = await getVersion();
    const isAnother = version !== null && found !== version;
    version = found;
    if (isAnother) refresh();
  } catch (error) {
    // Asked again soon; that the service is away is told by state/connection.ts.
    if (!(error instanceof Problem)) throw error;
  } finally {
    isAsking = false;
  }
}

whenMissed(() => {
  version = "";
});
effect(() => {
  if (!isReady.value) return;
  void returns.value;
  untracked(() => void ask());
  const timer = setInterval(() => void ask(), EVERY_MS);
  return () => clearInterval(timer);
});
addEventListener("visibilitychange", () => {
  if (isReady.value) void ask();
});
