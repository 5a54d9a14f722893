// How the service is, asked now and then while the page is looked at.
import { effect, signal } from "@preact/signals";
import { Problem, request } from "../api/client";
import type { Health } from "../api/types";
import { isReady } from "./session";

const EVERY_MS = 15000;

export type Condition = "ok" | "degraded" | "unavailable" | "unreachable" | "unknown";

export const health = signal<Health | null>(null);
export const condition = signal<Condition>("unknown");

async function ask(): Promise<void> {
  try {
    health.value = await request<Health>("api/health");
    condition.value = health.value.status;
  } catch (error) {
    const isGone = error instanceof Problem && error.status === 0;
    condition.value = isGone ? "unreachable" : "unavailable";
  }
}

effect(() => {
  if (!isReady.value) return;
  void ask();
  const timer = setInterval(() => {
    if (!document.hidden) void ask();
  }, EVERY_MS);
  return () => clearInterval(timer);
});
