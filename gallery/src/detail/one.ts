// The picture that is looked at, and its neighbours, which are asked for before they are wanted.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, problemFrom } from "../api/client";
import { getImage } from "../api/images";
import type { OneImage } from "../api/types";
import { returns } from "../state/connection";
import { urlsLastMs } from "../state/session";

const KEPT = 12;

interface Kept {
  image: Promise<OneImage>;
  sinceMs: number;
}

const kept = new Map<string, Kept>();

/** Tell whether the addresses in it may have ended, or will soon. */
const isOld = ({ sinceMs }: Kept) => urlsLastMs.peek() !== null && Date.now() - sinceMs > urlsLastMs.peek()!;

function get(id: string): Promise<OneImage> {
  const found = kept.get(id);
  if (found && !isOld(found)) return found.image;
  const asked = getImage(id);
  kept.delete(id);
  kept.set(id, { image: asked, sinceMs: Date.now() });
  asked.catch(() => kept.delete(id)); // Whoever asked is told.
  const oldest = kept.keys().next().value;
  if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
  return asked;
}

export function forget(id: string): void {
  kept.delete(id);
}

export interface One {
  image: OneImage | null;
  problem: Problem | null;
  set: (image: OneImage) => void;
  retry: () => void;
}

export function useOne(id: string, isThere: boolean): One {
  const [state, setState] = useState<{ id: string; image: OneImage | null; problem: Problem | null }>({
    id: "",
    image: null,
    problem: null,
  });
  const shown = useRef("");
  const [tries, setTries] = useState(0);
  const lastMs = urlsLastMs.value;
  const back = returns.value;
  useEffect(() => {
    if (!isThere) return;
    let isWanted = true;
    const show = (image: OneImage | null, problem: Problem | null) => {
      if (!isWanted) return;
      shown.current = image ? id : "";
      setState({ id, image, problem });
    };
    get(id).then(
      (image) => show(image, null),
      (error) => {
        const problem = problemFrom(error);
        // What is there stays there while the service is away.
        if (problem.status === 0 && shown.current === id) return;
        show(null, problem);
      },
    );
    return () => {
      isWanted = false;
    };
  }, [id, isThere, tries, back]);
  useEffect(() => {
    if (!isThere || !lastMs) return;
    // While it is looked at: its download is to work whenever it is wanted.
    const timer = setInterval(() => setTries((old) => old + 1), lastMs + 100);
    return () => clearInterval(timer);
  }, [id, isThere, lastMs]);
  const isCurrent = state.id === id;
  return {
    image: isCurrent ? state.image : null,
    problem: isCurrent ? state.problem : null,
    set: (image) => {
      kept.set(id, { image: Promise.resolve(image), sinceMs: Date.now() });
      setState({ id, image, problem: null });
    },
    retry: () => setTries((old) => old + 1),
  };
}

/** Have the next picture ready: its facts, and its thumbnail of this width. */
export async function prepare(id: string | undefined, widthPx: number): Promise<void> {
  if (!id) return;
  try {
    const { thumbnails } = await get(id);
    const fitting = thumbnails?.find(({ width }) => width >= widthPx) ?? thumbnails?.at(-1);
    if (fitting) new Image().src = fitting.url;
  } catch {
    // It is asked for again when it is wanted.
  }
}
