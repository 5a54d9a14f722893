// Asking again where the service says that it is busy, or does not answer for the moment.
import { Problem } from "./client";

const WAIT_S = 2;
const LONGEST_WAIT_S = 30;

export interface Patience {
  tries: number;
  /** Told before each wait; what it throws ends the asking. */
  onWait?: () => void;
  signal?: AbortSignal;
}

export const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Ask until there is an answer that will not be another one a little later. */
export async function patiently<Reply>(ask: () => Promise<Reply>, patience: Patience): Promise<Reply> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      const isPassing = error instanceof Problem && error.isPassing;
      if (!isPassing || tries >= patience.tries) throw error;
      patience.onWait?.();
      // Spread out, or all that were refused together would be so again.
      await sleep(Math.min(LONGEST_WAIT_S, (error.retryAfterS ?? WAIT_S) * (0.5 + Math.random())));
      patience.signal?.throwIfAborted();
    }
  }
}
