// Who the visitor is to the service, and what that allows.
import { computed, signal } from "@preact/signals";
import { Problem, problemFrom, whenUnauthorized } from "../api/client";
import { getSession, logIn, logOut } from "../api/images";
import type { Session } from "../api/types";

export const session = signal<Session | null>(null);
export const sessionProblem = signal<Problem | null>(null);
export const needsToken = computed(() => session.value?.needsToken ?? false);
export const isReady = computed(() => session.value !== null && !needsToken.value);

const may = (scope: string) =>
  computed(() => {
    const now = session.value;
    if (!now || now.readOnly) return false;
    return now.scopes.includes(scope) || now.scopes.includes("admin");
  });

export const mayUpload = may("upload");
export const mayEdit = mayUpload;
export const mayDelete = may("delete");
export const hasTrash = computed(() => (session.value?.trashRetentionDays ?? 0) > 0);

export async function loadSession(): Promise<void> {
  try {
    session.value = await getSession();
    sessionProblem.value = null;
  } catch (error) {
    sessionProblem.value = problemFrom(error);
  }
}

export async function begin(token: string): Promise<void> {
  session.value = await logIn(token);
}

export async function end(): Promise<void> {
  session.value = await logOut();
}

whenUnauthorized(() => {
  if (session.value && !session.value.needsToken) void loadSession();
});
