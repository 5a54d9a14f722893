// Make a variant: choose, see it and its bytes, copy its signed url.
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem, problemFrom, problemOf } from "../api/client";
import { variantUrl } from "../api/images";
import { patiently } from "../api/patience";
import type { OneImage } from "../api/types";
import { bytes } from "../text";
import { ArrowLeft } from "../ui/icons";
import { CopyButton } from "../ui/copy";

export interface Preview {
  objectUrl: string;
  onSize: (width: number, height: number) => void;
}

export interface Choice {
  width: number;
  height: number;
  fit: "fit" | "fill";
  gravity: string;
  format: string;
  quality: number | null;
}

const PRESETS: [string, Partial<Choice>][] = [
  ["Page, 1600", { width: 1600, height: 0, fit: "fit" }],
  ["Square, 400", { width: 400, height: 400, fit: "fill", gravity: "sm" }],
  ["Share, 1200 × 630", { width: 1200, height: 630, fit: "fill", gravity: "sm" }],
  ["Thumbnail, 240", { width: 240, height: 240, fit: "fit" }],
];
const GRAVITIES: [string, string][] = [
  ["nowe", "Top left"], ["no", "Top"], ["noea", "Top right"],
  ["we", "Left"], ["ce", "Middle"], ["ea", "Right"],
  ["sowe", "Bottom left"], ["so", "Bottom"], ["soea", "Bottom right"],
]; // prettier-ignore
const FORMATS: [string, string][] = [
  ["", "Best for the browser"],
  ["jpeg", "JPEG"],
  ["webp", "WebP"],
  ["avif", "AVIF"],
  ["png", "PNG"],
];
const DEFAULT_QUALITY = 80;
const SETTLE_MS = 280;
const TRIES = 8;

/** Return the choice in the words of the url: the grammar is imgproxy's. */
export function transformOf(choice: Choice): string {
  const parts = [`rs:${choice.fit}:${choice.width}:${choice.height}`];
  if (choice.fit === "fill") parts.push(`g:${choice.gravity}`);
  if (choice.quality !== null && choice.format !== "png") parts.push(`q:${choice.quality}`);
  if (choice.format) parts.push(`f:${choice.format}`);
  return parts.join("/");
}

interface Made {
  url: string;
  size: number;
  type: string;
  dimensions: string;
}

interface BuilderProps {
  image: OneImage;
  onPreview: (preview: Preview | null) => void;
  onClose: () => void;
}

export function VariantBuilder({ image, onPreview, onClose }: BuilderProps) {
  const told = image.metadata;
  const [choice, setChoice] = useState<Choice>({
    width: Math.min(1600, told.width),
    height: 0,
    fit: "fit",
    gravity: "sm",
    format: "",
    quality: null,
  });
  const change = (part: Partial<Choice>) => setChoice((old) => ({ ...old, ...part }));
  const { made, problem, isBusy } = useMade(image, transformOf(choice), onPreview);
  return (
    <div class="builder">
      <header>
        <button class="icon-button" aria-label="Back to the picture" onClick={onClose} autofocus>
          <ArrowLeft size={18} aria-hidden="true" />
        </button>
        <h2>Make a variant</h2>
      </header>
      <div class="presets" role="group" aria-label="Common ones">
        {PRESETS.map(([name, part]) => (
          <button key={name} class="chip" onClick={() => change(part)}>
            {name}
          </button>
        ))}
      </div>
      <div class="sides">
        <Side name="Width" value={choice.width} change={(width) => change({ width })} />
        <span aria-hidden="true">×</span>
        <Side name="Height" value={choice.height} change={(height) => change({ height })} />
        <span class="unit">px</span>
      </div>
      <Radios
        name="How it fits"
        options={[
          ["fit", "Whole picture"],
          ["fill", "Fill and cut"],
        ]}
        chosen={choice.fit}
        choose={(fit) => change({ fit: fit as Choice["fit"] })}
      />
      {choice.fit === "fill" && <Gravity chosen={choice.gravity} choose={(gravity) => change({ gravity })} />}
      <label class="field">
        <span>Format</span>
        <select value={choice.format} onChange={(event) => change({ format: event.currentTarget.value })}>
          {FORMATS.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {choice.format !== "png" && (
        <label class="field">
          <span>
            Quality <output>{choice.quality ?? "as configured"}</output>
          </span>
          <input
            type="range"
            min={1}
            max={100}
            value={choice.quality ?? DEFAULT_QUALITY}
            aria-valuetext={choice.quality === null ? "as configured" : String(choice.quality)}
            onInput={(event) => change({ quality: Number(event.currentTarget.value) })}
          />
        </label>
      )}
      <Result made={made} problem={problem} isBusy={isBusy} originalBytes={told.sizeBytes} />
    </div>
  );
}

function Side({ name, value, change }: { name: string; value: number; change: (px: number) => void }) {
  return (
    <label class="field">
      <span>{name}</span>
      <input
        type="number"
        inputMode="numeric"
        min={0}
        max={16384}
        placeholder="auto"
        value={value || ""}
        onInput={(event) => change(Math.max(0, Math.round(event.currentTarget.valueAsNumber || 0)))}
      />
    </label>
  );
}

interface RadiosProps {
  name: string;
  options: [string, string][];
  chosen: string;
  choose: (value: string) => void;
}

function Radios({ name, options, chosen, choose }: RadiosProps) {
  return (
    <fieldset class="radios">
      <legend>{name}</legend>
      <div class="segments">
        {options.map(([value, text]) => (
          <label key={value}>
            <input
              type="radio"
              name={name}
              checked={value === chosen}
              onChange={() => choose(value)}
            />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Gravity({ chosen, choose }: { chosen: string; choose: (value: string) => void }) {
  const option = (value: string, name: string) => (
    <label key={value} class={value === "sm" ? "smart" : "place"} title={name}>
      <input
        type="radio"
        name="gravity"
        aria-label={name}
        checked={value === chosen}
        onChange={() => choose(value)}
      />
      <span>{value === "sm" ? name : ""}</span>
    </label>
  );
  return (
    <fieldset class="radios gravity">
      <legend>What to keep</legend>
      <div class="gravity-choices">
        <div class="places">{GRAVITIES.map(([value, name]) => option(value, name))}</div>
        {option("sm", "What matters most")}
      </div>
    </fieldset>
  );
}

function Result(props: { made: Made | null; problem: Problem | null; isBusy: boolean; originalBytes: number }) {
  const { made, problem, isBusy, originalBytes } = props;
  if (problem) {
    return (
      <p class="field-problem" role="alert">
        {problem.message}
      </p>
    );
  }
  if (!made) {
    return (
      <p class="result is-busy" role="status">
        Making it
      </p>
    );
  }
  const share = Math.round((100 * made.size) / originalBytes);
  return (
    <div class={`result ${isBusy ? "is-busy" : ""}`}>
      <p role="status">
        <strong>{bytes(made.size)}</strong>, {made.type.replace("image/", "").toUpperCase()}
        {made.dimensions && `, ${made.dimensions}`}
        <br />
        <small>{share}% of the original’s bytes</small>
      </p>
      <div class="url">
        <code tabIndex={0}>{made.url}</code>
        <CopyButton text={made.url} label="Copy url" />
      </div>
    </div>
  );
}

function useMade(image: OneImage, transform: string, onPreview: (preview: Preview | null) => void) {
  const [made, setMade] = useState<Made | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(true);
  const shown = useRef("");
  useEffect(() => {
    const abort = new AbortController();
    const make = async () => {
      setBusy(true);
      try {
        const { url, here } = await variantUrl(image, transform, abort.signal);
        const blob = await fetchVariant(here, abort.signal);
        if (shown.current) URL.revokeObjectURL(shown.current);
        shown.current = URL.createObjectURL(blob);
        setMade({ url, size: blob.size, type: blob.type, dimensions: "" });
        setProblem(null);
        const onSize = (width: number, height: number) =>
          setMade((old) => old && { ...old, dimensions: `${width} × ${height}` });
        onPreview({ objectUrl: shown.current, onSize });
      } catch (error) {
        if (!abort.signal.aborted) setProblem(problemFrom(error));
      } finally {
        if (!abort.signal.aborted) setBusy(false);
      }
    };
    const timer = setTimeout(() => void make(), shown.current ? SETTLE_MS : 0);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [image.imageId, transform]);
  useEffect(() => () => URL.revokeObjectURL(shown.current), []);
  return { made, problem, isBusy };
}

async function fetchVariant(url: string, signal: AbortSignal): Promise<Blob> {
  // As an img element asks, so that the format is the one a page would get.
  const headers = { Accept: "image/avif,image/webp,image/*,*/*;q=0.8" };
  const ask = async () => {
    const response = await fetch(url, { signal, headers, credentials: "same-origin" });
    if (response.ok) return response.blob();
    throw problemOf(response.status, await response.text(), response.headers.get("Retry-After"));
  };
  return patiently(ask, { tries: TRIES, signal });
}
