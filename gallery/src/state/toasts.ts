// Short notices at the foot of the page, some with something to do.
import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  text: string;
  kind: "info" | "problem";
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 6000;
const WITH_ACTION_MS = 10000;

export const toasts = signal<Toast[]>([]);
let last = 0;

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function tell(text: string, more: Partial<Omit<Toast, "id" | "text">> = {}): void {
  const toast: Toast = { id: ++last, text, kind: "info", ...more };
  toasts.value = [...toasts.value.slice(-2), toast];
  setTimeout(() => dismiss(toast.id), toast.action ? WITH_ACTION_MS : SHOWN_MS);
}
