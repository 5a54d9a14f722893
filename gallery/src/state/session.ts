// Who the visitor is to the service, and what that allows.
import { computed, signal } from "@preact/signals";
import { Problem, problemFrom, setHooks } from "../api/client";
import { getSession, logIn, logOut } from "../api/images";
import type { Session } from "../api/types";

export const session = signal<Session | null>(null);
export const sessionProblem = signal<Problem | null>(null);
export const needsToken = computed(() => session.value?.needsToken ?? false);
export const isReady = computed(() => session.value !== null && !needsToken.value);
/** Whether the session ended under the open page: it stays as it is until there is a new one. */
export const isExpired = signal(false);

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
/** After how many ms addresses of pictures are asked for anew; null for never. */
export const urlsLastMs = computed(() => {
  const seconds = session.value?.urlsLastS;
  return seconds ? seconds * 700 : null;
});

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
  resume(true);
}

export async function end(): Promise<void> {
  session.value = await logOut();
  resume(false);
}

const waiting: ((isBack: boolean) => void)[] = [];

function resume(isBack: boolean): void {
  isExpired.value = false;
  for (const go of waiting.splice(0)) go(isBack);
}

/** Leave it ended: the page turns into the login, and what waited is told that it was refused. */
export function giveUp(): void {
  if (session.value) session.value = { ...session.value, needsToken: true, authenticated: false };
  resume(false);
}

/** Look whether there is a session again, which another tab may have begun. */
export async function lookForSession(): Promise<void> {
  if (!isExpired.value) return;
  const found = await getSession().catch(() => null); // Looked for again with the next focus.
  if (!found || found.needsToken || !isExpired.value) return;
  session.value = found;
  resume(true);
}

/** Wait for a new session; return whether there is one. */
async function renewed(): Promise<boolean> {
  if (!isReady.value) return false;
  if (!isExpired.value) {
    const found = await getSession().catch(() => null);
    if (!found) return false;
    if (!found.needsToken) {
      session.value = found;
      return true;
    }
    isExpired.value = true;
  }
  return new Promise((resolve) => waiting.push(resolve));
}

setHooks({ renewed });
addEventListener("focus", () => void lookForSession());
