import { useEffect, useRef, useState } from "preact/hooks";
import { follow, go, hrefTo } from "../state/place";
import { knownTags, loadTags } from "../state/tags";
import { X } from "../ui/icons";

interface TagsProps {
  tags: string[];
  mayEdit: boolean;
  save: (tags: string[]) => Promise<boolean>;
}

export function Tags({ tags, mayEdit, save }: TagsProps) {
  const field = useRef<HTMLInputElement>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    if (mayEdit && !knownTags.value.length) void loadTags();
  }, [mayEdit]);
  const put = async (next: string[]) => {
    setBusy(true);
    const isDone = await save(next);
    setBusy(false);
    if (isDone) void loadTags();
    return isDone;
  };
  const add = async (event: Event) => {
    event.preventDefault();
    const wanted = field.current!.value.split(",").map((text) => text.trim());
    const fresh = wanted.filter((text) => text && !tags.includes(text));
    if (!fresh.length || (await put([...tags, ...new Set(fresh)]))) field.current!.value = "";
    field.current?.focus();
  };
  if (!mayEdit && !tags.length) return null;
  return (
    <section>
      <h3>Tags</h3>
      <ul class="tags">
        {tags.map((tag) => (
          <li key={tag} class="tag">
            <a
              href={hrefTo({ image: "", similar: "", tag })}
              onClick={(event) => follow(event, () => go({ image: "", similar: "", tag }))}
            >
              {tag}
            </a>
            {mayEdit && (
              <button
                aria-label={`Remove the tag ${tag}`}
                disabled={isBusy}
                onClick={() => void put(tags.filter((other) => other !== tag))}
              >
                <X size={13} aria-hidden="true" />
              </button>
            )}
          </li>
        ))}
        {mayEdit && (
          <li>
            <form class="add-tag" onSubmit={add}>
              <input
                ref={field}
                aria-label="Add a tag"
                placeholder="Add a tag"
                list="known-tags"
                autocomplete="off"
                maxLength={100}
              />
              <datalist id="known-tags">
                {knownTags.value.slice(0, 100).map(({ tag }) => (
                  <option key={tag} value={tag} />
                ))}
              </datalist>
            </form>
          </li>
        )}
      </ul>
    </section>
  );
}
