// Tags of several pictures at once: what is added to all, what is taken from those that have it.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Listed } from "../api/types";
import { tagAll } from "../state/bulk";
import { knownTags, loadTags } from "../state/tags";
import { plural } from "../text";
import { Dialog } from "../ui/dialog";

interface TagsOfAllProps {
  images: Listed[];
  onClose: () => void;
}

export function TagsOfAll({ images, onClose }: TagsOfAllProps) {
  const field = useRef<HTMLInputElement>(null);
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => void loadTags(), []);
  const counts = new Map<string, number>();
  for (const { tags } of images) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const submit = (event: Event) => {
    event.preventDefault();
    const added = field.current!.value.split(",").map((text) => text.trim()).filter(Boolean);
    if (!added.length && !removed.size) return field.current?.focus();
    onClose();
    void tagAll(images, [...new Set(added)], [...removed]).then(() => loadTags());
  };
  const toggle = (tag: string) => {
    const next = new Set(removed);
    if (!next.delete(tag)) next.add(tag);
    setRemoved(next);
  };
  return (
    <Dialog label="Tags" class="tags-of-all" onClose={onClose}>
      <form onSubmit={submit}>
        <h2>Tags of {plural(images.length, "picture")}</h2>
        <label class="field">
          <span>Add, several with commas</span>
          <input ref={field} list="known-tags-of-all" autocomplete="off" autofocus />
        </label>
        <datalist id="known-tags-of-all">
          {knownTags.value.slice(0, 100).map(({ tag }) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
        {counts.size > 0 && (
          <fieldset class="tags-removed">
            <legend>Remove</legend>
            {[...counts].sort(([a], [b]) => a.localeCompare(b)).map(([tag, files]) => (
              <label key={tag}>
                <input type="checkbox" checked={removed.has(tag)} onChange={() => toggle(tag)} />
                <span>
                  {tag} <small>{files === images.length ? "all" : `${files} of ${images.length}`}</small>
                </span>
              </label>
            ))}
          </fieldset>
        )}
        <div class="actions">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button class="button accent">Apply</button>
        </div>
      </form>
    </Dialog>
  );
}
