import { useEffect, useRef, useState } from "preact/hooks";
import { Pencil } from "../ui/icons";

interface FilenameProps {
  value: string;
  mayEdit: boolean;
  save: (value: string) => Promise<boolean>;
}

/** The name as a heading, which turns into a field. */
export function Filename({ value, mayEdit, save }: FilenameProps) {
  const [isEdited, setEdited] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isEdited || !field.current) return;
    const dot = value.lastIndexOf(".");
    field.current.focus();
    field.current.setSelectionRange(0, dot > 0 ? dot : value.length);
  }, [isEdited]);
  const close = () => {
    setEdited(false);
    requestAnimationFrame(() => button.current?.focus());
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const wanted = field.current!.value.trim();
    if (!wanted || wanted === value || (await save(wanted))) close();
  };
  if (!isEdited) {
    return (
      <div class="filename">
        <h2>{value}</h2>
        {mayEdit && (
          <button ref={button} class="icon-button small" aria-label="Rename" onClick={() => setEdited(true)}>
            <Pencil size={15} aria-hidden="true" />
          </button>
        )}
      </div>
    );
  }
  return (
    <form
      class="filename"
      onSubmit={submit}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        close();
      }}
    >
      <input ref={field} aria-label="Name of the picture" defaultValue={value} spellcheck={false} />
      <button class="button">Save</button>
    </form>
  );
}
