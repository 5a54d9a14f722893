// The picture that is looked at, and its neighbours, which are asked for before they are wanted.
import { useEffect, useState } from "preact/hooks";
import { Problem, problemFrom } from "../api/client";
import { getImage } from "../api/images";
import type { OneImage } from "../api/types";

const KEPT = 12;
const kept = new Map<string, Promise<OneImage>>();

function get(id: string): Promise<OneImage> {
  const found = kept.get(id);
  if (found) return found;
  const asked = getImage(id);
  kept.set(id, asked);
  asked.catch(() => kept.delete(id));
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
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (!isThere) return;
    let isWanted = true;
    const show = (image: OneImage | null, problem: Problem | null) => {
      if (isWanted) setState({ id, image, problem });
    };
    get(id).then(
      (image) => show(image, null),
      (error) => show(null, problemFrom(error)),
    );
    return () => {
      isWanted = false;
    };
  }, [id, isThere, tries]);
  const isCurrent = state.id === id;
  return {
    image: isCurrent ? state.image : null,
    problem: isCurrent ? state.problem : null,
    set: (image) => {
      kept.set(id, Promise.resolve(image));
      setState({ id, image, problem: null });
    },
    retry: () => setTries(tries + 1),
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
