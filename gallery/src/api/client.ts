// Requests to the service: answers as JSON, failures as Problem, waiting where it asks to wait.

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(detail);
  }

  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

const UNREACHABLE = "The service does not answer. The page goes on by itself when it is back.";

interface Hooks {
  /** Called where nobody is known any more; resolves to whether somebody is again. */
  renewed: () => Promise<boolean>;
  /** Told after each request whether the service was there. */
  reached: (isReached: boolean) => void;
}

export const hooks: Hooks = { renewed: async () => false, reached: () => {} };

export function setHooks(given: Partial<Hooks>): void {
  Object.assign(hooks, given);
}

export function retryAfterS(value: string | null): number | null {
  const seconds = Number(value ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

export function problemOf(status: number, body: string, retryAfter: string | null): Problem {
  const wait = retryAfterS(retryAfter);
  try {
    const told = JSON.parse(body) as { code?: string; detail?: string; message?: string };
    const detail = told.detail || told.message || `The service answered ${status}.`;
    return new Problem(status, told.code ?? "unknown", detail, wait);
  } catch {
    return new Problem(status, "unknown", `The service answered ${status}.`, wait);
  }
}

export function unreachable(): Problem {
  return new Problem(0, "unreachable", UNREACHABLE);
}

export type Query = Record<string, string | number | boolean | null | undefined>;

export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

export interface Options {
  method?: string;
  body?: unknown;
  signal?: AbortSignal;
  /** Have a refusal be one, though a new session would change that. */
  isAsIs?: boolean;
}

/**
 * Ask the service; throw Problem when it refuses, and the browser's AbortError when aborted. Where
 * the session has ended meanwhile, it waits for a new one and goes on.
 */
export async function request<Reply>(path: string, options: Options = {}): Promise<Reply> {
  try {
    return await once<Reply>(path, options);
  } catch (error) {
    const isUnknown = error instanceof Problem && error.status === 401;
    if (!isUnknown || options.isAsIs || !(await hooks.renewed())) throw error;
    options.signal?.throwIfAborted();
    return once<Reply>(path, options);
  }
}

async function once<Reply>(path: string, options: Options): Promise<Reply> {
  const headers: Record<string, string> = { "X-Requested-With": "gallery" };
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method: options.method ?? "GET",
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      signal: options.signal,
      credentials: "same-origin",
    });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    hooks.reached(false);
    throw unreachable();
  }
  hooks.reached(true);
  if (!response.ok) throw problemOf(response.status, text, response.headers.get("Retry-After"));
  return JSON.parse(text) as Reply;
}

export function problemFrom(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(-1, "unexpected", error instanceof Error ? error.message : String(error));
}
