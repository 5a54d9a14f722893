// What is known of a picture, and what can be done with it.
import { useEffect, useState } from "preact/hooks";
import { problemFrom } from "../api/client";
import { findSimilar } from "../api/images";
import type { Listed, OneImage } from "../api/types";
import { change } from "../state/actions";
import { asDownload } from "../state/bulk";
import { follow, go, hrefTo } from "../state/place";
import { mayDelete, mayEdit } from "../state/session";
import { tell } from "../state/toasts";
import { count, degrees, moment } from "../text";
import { CopyButton } from "../ui/copy";
import { Crop, Download, ScanSearch, Trash2 } from "../ui/icons";
import { Picture } from "../ui/picture";
import { Exif } from "./exif";
import { Filename } from "./filename";
import { Tags } from "./tags";

const ALIKE_DISTANCE = 10;
const ALIKE_SHOWN = 12;

interface FactsProps {
  image: OneImage;
  onChange: (image: OneImage) => void;
  onBuild: () => void;
  onRemove: () => Promise<void>;
}

export function Facts({ image, onChange, onBuild, onRemove }: FactsProps) {
  const told = image.metadata;
  const save = async (what: { filename?: string; tags?: string[] }) => {
    try {
      const changed = await change(image.imageId, what);
      onChange({ ...image, metadata: changed.metadata });
      return true;
    } catch (error) {
      tell(problemFrom(error).message, { kind: "problem" });
      return false;
    }
  };
  return (
    <>
      <Filename value={told.filename} mayEdit={mayEdit.value} save={(filename) => save({ filename })} />
      <p class="summary">
        {count(told.width)} × {count(told.height)} · {told.format.toUpperCase()} · {told.size}
      </p>
      <div class="actions">
        <a class="button" href={asDownload(image.here)} download={told.filename}>
          <Download size={16} aria-hidden="true" />
          Download
        </a>
        <CopyButton text={image.url} label="Copy link" />
        <button class="button" onClick={onBuild}>
          <Crop size={16} aria-hidden="true" />
          Make a variant
        </button>
        {mayDelete.value && (
          <button class="button danger-quiet" onClick={() => void onRemove()}>
            <Trash2 size={16} aria-hidden="true" />
            Delete
          </button>
        )}
      </div>
      <Tags tags={told.tags} mayEdit={mayEdit.value} save={(tags) => save({ tags })} />
      <Alike image={image} />
      <Details image={image} />
      <Exif exif={told.exif} />
    </>
  );
}

function Details({ image }: { image: OneImage }) {
  const told = image.metadata;
  const rows: [string, preact.ComponentChildren][] = [["Stored", moment(told.createdAt)]];
  if (told.title) rows.push(["Title", told.title]);
  if (told.description) rows.push(["Description", told.description]);
  if (told.creator.length) rows.push(["By", told.creator.join(", ")]);
  if (told.rights) rows.push(["Rights", told.rights]);
  if (told.keywords.length) rows.push(["Keywords", told.keywords.join(", ")]);
  if (told.location) {
    const where = degrees(told.location.latitude, told.location.longitude);
    rows.push(["Taken at", <Copied text={where} label="Copy the coordinates" wraps />]);
  }
  if (told.animated) {
    const seconds = told.durationMs ? `, ${(told.durationMs / 1000).toFixed(1)} s` : "";
    rows.push(["Animation", `${count(told.frames)} frames${seconds}`]);
  }
  const color = [told.colorSpace, told.bitDepth && `${told.bitDepth} bit`, told.iccProfile];
  rows.push(["Colour", color.filter(Boolean).join(", ") + (told.hasAlpha ? ", with transparency" : "")]);
  if (told.dominantColor) rows.push(["Main colour", <Swatch color={told.dominantColor} />]);
  if (told.owner) rows.push(["Owner", told.owner]);
  for (const [name, value] of Object.entries(told.attributes)) rows.push([name, value]);
  rows.push(["Id", <Copied text={image.imageId} label="Copy the id" />]);
  rows.push(["Checksum", <Copied text={told.checksum} label="Copy the checksum" />]);
  return (
    <section>
      <h3>Details</h3>
      <dl class="details">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Copied({ text, label, wraps }: { text: string; label: string; wraps?: boolean }) {
  return (
    <span class={wraps ? "copied wraps" : "copied"}>
      <span class="copied-text">{text}</span>
      <CopyButton text={text} label={label} isSmall />
    </span>
  );
}

function Swatch({ color }: { color: string }) {
  return (
    <span class="copied">
      <span class="swatch" style={{ background: color }} aria-hidden="true" />
      <span>{color}</span>
    </span>
  );
}

function Alike({ image }: { image: OneImage }) {
  const [alike, setAlike] = useState<Listed[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    findSimilar(image.imageId, ALIKE_DISTANCE, ALIKE_SHOWN, abort.signal)
      .then(setAlike)
      .catch(() => {}); // No look-alikes are shown; the picture itself is.
    return () => abort.abort();
  }, [image.imageId]);
  if (!alike.length) return null;
  const copies = alike.filter(({ identical }) => identical).length;
  const all = { image: "", similar: image.imageId };
  return (
    <section>
      <h3>
        {copies ? "Copies and look-alikes" : "Look-alikes"}
        <a class="link" href={hrefTo(all)} onClick={(event) => follow(event, () => go(all))}>
          <ScanSearch size={14} aria-hidden="true" />
          Show all
        </a>
      </h3>
      <ul class="alike">
        {alike.map((each) => (
          <li key={each.imageId}>
            <a
              href={hrefTo({ image: each.imageId })}
              aria-label={`${each.filename}, ${each.identical ? "the same file" : "alike"}`}
              title={each.filename}
              onClick={(event) => follow(event, () => go({ image: each.imageId }))}
            >
              <Picture
                thumbnails={each.thumbnails ?? []}
                fallback={each.here}
                hash={each.thumbhash}
                alt=""
                width={each.width}
                height={each.height}
                shownWidth={96}
                isEager
              />
              {each.identical && <span class="likeness">copy</span>}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
