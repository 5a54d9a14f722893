// One picture over the whole window: itself, all that is known of it, and what can be done with it.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../api/client";
import type { Listed, OneImage } from "../api/types";
import type { Listing } from "../state/listing";
import { listing } from "../state/listings";
import { closeImage, go, place } from "../state/place";
import { count } from "../text";
import { Dialog } from "../ui/dialog";
import { ChevronLeft, ChevronRight, CircleAlert, X } from "../ui/icons";
import { Blur, Picture } from "../ui/picture";
import { askAndRemove } from "../views/deleting";
import { Facts } from "./facts";
import { forget, prepare, useOne } from "./one";
import { TrashedFacts } from "./trashed";
import { Preview, VariantBuilder } from "./variant";

export function Detail() {
  const { image: id, view } = place.value;
  const isTrash = view === "trash";
  const now = listing.value;
  now?.version.value;
  const listed = now?.find(id);
  const one = useOne(id, !isTrash);
  const [builds, setBuilds] = useState(false);
  const [preview, setPreview] = useState<Preview | null>(null);
  const index = now?.indexOf(id) ?? -1;
  const previous = index > 0 ? now!.at(index - 1)?.imageId : undefined;
  const next = index >= 0 ? now!.at(index + 1)?.imageId : undefined;

  useEffect(() => {
    setBuilds(false);
    setPreview(null);
    if (now && index >= now.count - 5) void now.more();
    if (now && index >= 0) void holdAround(now, index);
    if (isTrash) return;
    const timer = setTimeout(() => {
      void prepare(next, innerWidth * devicePixelRatio * 0.7);
      void prepare(previous, innerWidth * devicePixelRatio * 0.7);
    }, 250);
    return () => clearTimeout(timer);
  }, [id]);

  const to = (other: string | undefined) => other && go({ image: other }, { replace: true });
  const remove = async () => {
    const filename = one.image?.metadata.filename ?? listed?.filename ?? "This picture";
    if (!(await askAndRemove({ imageId: id, filename }))) return;
    forget(id);
    const other = next ?? previous;
    if (other) to(other);
    else closeImage();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = (event.target as HTMLElement).closest("input, textarea, select, .radios");
    if (inField) return;
    if (event.key === "ArrowLeft") to(previous);
    else if (event.key === "ArrowRight") to(next);
    else if (event.key === "Delete" || event.key === "Backspace") void remove();
    else return;
    event.preventDefault();
  };
  const name = one.image?.metadata.filename ?? listed?.filename ?? "Picture";
  return (
    <Dialog label={name} class="detail" onClose={closeImage} onKeyDown={onKeyDown}>
      <div class="stage" {...useSwipe(() => to(previous), () => to(next))}>
        <StageBar position={position(index)} />
        {builds && preview ? (
          <PreviewStage preview={preview} name={name} />
        ) : (
          <Stage key={id} image={one.image} listed={listed} isTrash={isTrash} />
        )}
        {one.problem && (
          <div class="stage-problem" role="alert">
            <CircleAlert size={24} aria-hidden="true" />
            <p>{one.problem.message}</p>
            <button class="button" onClick={one.retry}>
              Try again
            </button>
          </div>
        )}
        <button
          class="turn is-left"
          aria-label="Picture before"
          disabled={!previous}
          onClick={() => to(previous)}
        >
          <ChevronLeft size={26} aria-hidden="true" />
        </button>
        <button class="turn is-right" aria-label="Next picture" disabled={!next} onClick={() => to(next)}>
          <ChevronRight size={26} aria-hidden="true" />
        </button>
      </div>
      <aside class="facts" aria-label="About the picture" tabIndex={0}>
        {isTrash && listed && <TrashedFacts image={listed} onRemove={remove} />}
        {one.image && !builds && (
          <Facts
            key={id}
            image={one.image}
            onChange={one.set}
            onBuild={() => setBuilds(true)}
            onRemove={remove}
          />
        )}
        {one.image && builds && (
          <VariantBuilder
            image={one.image}
            onPreview={setPreview}
            onClose={() => {
              setBuilds(false);
              setPreview(null);
            }}
          />
        )}
        {!one.image && !isTrash && !one.problem && (
          <p class="sr-only" role="status">
            Loading
          </p>
        )}
      </aside>
    </Dialog>
  );
}

/** Have its neighbours, wherever the grid behind is scrolled to. */
async function holdAround(now: Listing, index: number): Promise<void> {
  try {
    await now.ensure(index - 2, index + 2);
  } catch (error) {
    // Without them there are no ways to turn; the picture itself tells of its own trouble.
    if (!(error instanceof Problem)) throw error;
  }
}

const SWIPE_PX = 56;

/** Turn by a finger's stroke across the picture; two fingers are the browser's, to enlarge it. */
function useSwipe(toLeft: () => void, toRight: () => void) {
  const start = useRef<{ x: number; y: number } | null>(null);
  return {
    onTouchStart: (event: TouchEvent) => {
      const touch = event.touches[0];
      start.current = touch && event.touches.length === 1 ? { x: touch.clientX, y: touch.clientY } : null;
    },
    onTouchEnd: (event: TouchEvent) => {
      const touch = event.changedTouches[0];
      if (!start.current || !touch || (visualViewport?.scale ?? 1) > 1.01) return;
      const dx = touch.clientX - start.current.x;
      const dy = touch.clientY - start.current.y;
      start.current = null;
      if (Math.abs(dx) < SWIPE_PX || Math.abs(dx) < 2 * Math.abs(dy)) return;
      if (dx > 0) toLeft();
      else toRight();
    },
  };
}

function position(index: number): string {
  const now = listing.value;
  if (!now || index < 0) return "";
  const total = now.total.value ?? now.count;
  return `${count(index + 1)} of ${now.totalIsExact.value ? "" : "more than "}${count(total)}`;
}

function StageBar({ position: told }: { position: string }) {
  return (
    <div class="stage-bar">
      <button class="icon-button" aria-label="Close" onClick={closeImage}>
        <X size={20} aria-hidden="true" />
      </button>
      <span class="position">{told}</span>
    </div>
  );
}

interface StageProps {
  image: OneImage | null;
  listed: Listed | undefined;
  isTrash: boolean;
}

const ENLARGED = 1.0;

function Stage({ image, listed, isTrash }: StageProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = frame.current!;
    const measure = () => setRoom({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const of = image?.metadata ?? listed;
  const width = of?.width ?? 0;
  const height = of?.height ?? 0;
  const scale = of ? Math.min(room.width / width, room.height / height, ENLARGED) : 0;
  const box = { width: `${Math.round(width * scale)}px`, height: `${Math.round(height * scale)}px` };
  return (
    <div class="stage-frame" ref={frame}>
      {of && scale > 0 && (
        <div class={`stage-picture ${of.format === "jpeg" ? "" : "may-be-clear"}`} style={box}>
          {isTrash ? (
            <span class="picture is-waiting">
              <Blur hash={of.thumbhash} />
            </span>
          ) : (
            <Staged image={image} listed={listed} shownWidth={width * scale} />
          )}
        </div>
      )}
    </div>
  );
}

function Staged({ image, listed, shownWidth }: { image: OneImage | null; listed?: Listed; shownWidth: number }) {
  const under = listed?.thumbnails?.at(-1)?.url;
  const told = image?.metadata;
  const hash = (told ?? listed)?.thumbhash ?? null;
  return (
    <>
      {under ? <img class="under" src={under} alt="" /> : <Blur hash={hash} />}
      {image && told && (
        <Picture
          // Only the original moves.
          thumbnails={told.animated ? [] : (image.thumbnails ?? [])}
          fallback={image.here}
          hash={under ? null : hash}
          alt={told.filename}
          width={told.width}
          height={told.height}
          shownWidth={shownWidth}
          isEager
        />
      )}
    </>
  );
}

function PreviewStage({ preview, name }: { preview: Preview; name: string }) {
  return (
    <div class="stage-frame is-preview">
      <img
        src={preview.objectUrl}
        alt={`Variant of ${name}`}
        onLoad={(event) => {
          const { naturalWidth, naturalHeight } = event.currentTarget;
          preview.onSize(naturalWidth, naturalHeight);
        }}
      />
    </div>
  );
}
