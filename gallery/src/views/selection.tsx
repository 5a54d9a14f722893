// The bar at the foot of the page while pictures are selected: how many, and what can be done.
import { useState } from "preact/hooks";
import { Job, downloadAll, job, restoreAll } from "../state/bulk";
import { getImage } from "../api/images";
import { patiently } from "../api/patience";
import { problemFrom } from "../api/client";
import { place } from "../state/place";
import { endSelecting, isSelecting, selectLoaded, selected } from "../state/selection";
import { hasTrash, mayDelete, mayEdit, urlsLastMs } from "../state/session";
import { tell } from "../state/toasts";
import { count, plural } from "../text";
import { CopyButton } from "../ui/copy";
import { Download, Tag, Trash2, Undo2, X } from "../ui/icons";
import { askAndRemoveAll } from "./deleting";
import { TagsOfAll } from "./tags-of-all";

const TRIES = 4;

export function SelectionBar() {
  const [isTagging, setTagging] = useState(false);
  const images = [...selected.value.values()];
  const isShown = isSelecting.value;
  const now = job.value;
  return (
    <>
      <p class="sr-only" role="status">
        {isShown ? `${plural(images.length, "picture")} selected` : ""}
      </p>
      {isShown && (
        <section class="selection" aria-label="Selected pictures">
          <button class="icon-button" aria-label="End selecting" title="End selecting" onClick={leave}>
            <X size={19} aria-hidden="true" />
          </button>
          <span class="selection-count">
            <strong>{count(images.length)}</strong> selected
          </span>
          {now ? <Progress now={now} /> : <Actions tag={() => setTagging(true)} />}
        </section>
      )}
      {isTagging && <TagsOfAll images={images} onClose={() => setTagging(false)} />}
    </>
  );
}

function leave(): void {
  endSelecting();
  document.querySelector<HTMLElement>(".grid a[tabindex='0']")?.focus({ preventScroll: true });
}

function Progress({ now }: { now: Job }) {
  return (
    <span class="selection-job">
      <span role="status">
        {now.doing} {count(Math.min(now.all, now.done + 1))} of {count(now.all)}
      </span>
      <progress max={now.all} value={now.done} aria-label={now.doing} />
      <button class="link" onClick={now.stop}>
        Stop
      </button>
    </span>
  );
}

function Actions({ tag }: { tag: () => void }) {
  const images = [...selected.value.values()];
  const isTrash = place.value.view === "trash";
  const none = images.length === 0;
  return (
    <div class="selection-actions">
      <button class="link" onClick={selectLoaded}>
        Select all loaded
      </button>
      {!isTrash && mayEdit.value && (
        <Action name="Tags" icon={<Tag size={17} aria-hidden="true" />} disabled={none} run={tag} />
      )}
      {!isTrash && (
        <>
          <Action
            name="Download"
            icon={<Download size={17} aria-hidden="true" />}
            disabled={none}
            run={() => void downloadAll(images)}
          />
          <CopyButton text={urls} label="Copy urls" isDisabled={none} isAction />
        </>
      )}
      {isTrash && mayDelete.value && (
        <Action
          name="Restore"
          icon={<Undo2 size={17} aria-hidden="true" />}
          disabled={none}
          run={() => void restoreAll(images)}
        />
      )}
      {mayDelete.value && (
        <Action
          name={isTrash || !hasTrash.value ? "Delete for ever" : "Delete"}
          icon={<Trash2 size={17} aria-hidden="true" />}
          disabled={none}
          run={() => void askAndRemoveAll(images)}
        />
      )}
    </div>
  );
}

interface ActionProps {
  name: string;
  icon: preact.ComponentChildren;
  disabled: boolean;
  run: () => void;
}

function Action({ name, icon, disabled, run }: ActionProps) {
  return (
    <button class="button" disabled={disabled} title={name} onClick={run}>
      {icon}
      <span class="action-name">{name}</span>
    </button>
  );
}

/** Return the addresses of what is selected, a line each; those that end are asked for anew. */
async function urls(): Promise<string> {
  const images = [...selected.value.values()];
  if (urlsLastMs.value === null) return images.map(({ url }) => url).join("\n");
  const problems: string[] = [];
  const found = await Promise.all(
    images.map(({ imageId }) =>
      patiently(() => getImage(imageId), { tries: TRIES }).then(
        ({ url }) => url,
        (error) => {
          problems.push(problemFrom(error).message);
          return "";
        },
      ),
    ),
  );
  if (problems.length) {
    tell(`${plural(problems.length, "picture")} left out. ${problems[0]}`, { kind: "problem" });
  }
  return found.filter(Boolean).join("\n");
}
