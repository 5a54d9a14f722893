// A picture that is there at once: its blur-up from the thumbhash, then itself as soon as the
// service has it. What is still being made (503) is asked for again when the service says.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { thumbHashToRGBA } from "thumbhash";
import { retryAfterS } from "../api/client";
import type { Thumbnail } from "../api/types";
import { isFlying } from "../grid/scrolling";
import { endings } from "../state/renewal";

const TRIES = 12;
const WAIT_S = 2;
const LONGEST_WAIT_S = 15;

export function Blur({ hash }: { hash: string | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    if (!canvas.current || !hash) return;
    const coded = atob(hash);
    const { w, h, rgba } = thumbHashToRGBA(Uint8Array.from(coded, (c) => c.charCodeAt(0)));
    canvas.current.width = w;
    canvas.current.height = h;
    const pixels = new ImageData(new Uint8ClampedArray(rgba), w, h);
    canvas.current.getContext("2d", { willReadFrequently: true })?.putImageData(pixels, 0, 0);
  }, [hash]);
  return <canvas ref={canvas} class="blur" width={1} height={1} aria-hidden="true" />;
}

export interface PictureProps {
  thumbnails: Thumbnail[];
  /** Where the original is, for when there are no thumbnails. */
  fallback: string;
  hash: string | null;
  alt: string;
  /** Of the original, px. */
  width: number;
  height: number;
  /** CSS px that it is shown in. */
  shownWidth: number;
  isEager?: boolean;
}

/** Return candidates by the width they really have: thumbnails fit into squares. */
export function srcset(thumbnails: Thumbnail[], width: number, height: number): string {
  const found = new Map<number, string>();
  for (const thumbnail of thumbnails) {
    const fitted = Math.min(thumbnail.width, Math.round((thumbnail.width * width) / height));
    const real = Math.max(1, Math.min(fitted, width));
    if (!found.has(real)) found.set(real, thumbnail.url);
  }
  return [...found].map(([real, url]) => `${url} ${real}w`).join(", ");
}

type Phase = "waiting" | "shown" | "broken";

export function Picture(props: PictureProps) {
  const { hash, alt, width, height, shownWidth, isEager } = props;
  const [phase, setPhase] = useState<Phase>("waiting");
  const [attempt, setAttempt] = useState(0);
  const isWanted = useWanted(isEager ?? false);
  // What is shown is not loaded again because its address is another one by now.
  const told = useRef(props);
  if (phase !== "shown") told.current = props;
  const { thumbnails, fallback } = told.current;
  const timer = useRef(0);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
      clearTimeout(timer.current);
    };
  }, []);

  const onError = async (event: Event) => {
    const source = (event.currentTarget as HTMLImageElement).currentSrc || fallback;
    const wait = attempt < TRIES ? await secondsToWait(source) : null;
    if (!alive.current) return;
    if (wait === null) return setPhase("broken");
    setPhase("waiting");
    timer.current = window.setTimeout(() => setAttempt(attempt + 1), wait * 1000);
  };
  const last = thumbnails[thumbnails.length - 1];
  return (
    <span class={`picture is-${phase}`}>
      <Blur hash={hash} />
      {phase === "broken" && <span class="broken">No preview</span>}
      {isWanted && phase !== "broken" && (
        <img
          key={attempt}
          alt={alt}
          src={last ? last.url : fallback}
          srcset={last ? srcset(thumbnails, width, height) : undefined}
          sizes={`${Math.ceil(shownWidth)}px`}
          decoding="async"
          draggable={false}
          onLoad={() => setPhase("shown")}
          onError={onError}
        />
      )}
    </span>
  );
}

/** Tell whether to ask for the picture: not while the page flies by. */
function useWanted(isEager: boolean): boolean {
  const [isWanted, setWanted] = useState(isEager || !isFlying.peek());
  useEffect(() => {
    if (isWanted) return;
    return isFlying.subscribe((flies) => {
      if (!flies) setWanted(true);
    });
  }, [isWanted]);
  return isWanted;
}

/** Return after how many seconds a picture that did not load may be there, null for never. */
async function secondsToWait(source: string): Promise<number | null> {
  try {
    const response = await fetch(source, { credentials: "same-origin" });
    if (response.ok) return 0;
    if (response.status === 403) {
      endings.value += 1;
      return WAIT_S;
    }
    if (response.status !== 503 && response.status !== 429) return null;
    const told = retryAfterS(response.headers.get("Retry-After")) ?? WAIT_S;
    // Spread out, or all that were refused together would be so again.
    return Math.min(LONGEST_WAIT_S, told * (0.5 + Math.random()));
  } catch {
    return WAIT_S; // It does not answer: as long as that is so, the blur-up is shown.
  }
}
