// A picture in the trash: it is served to nobody until it is restored, so only its blur-up is shown.
import type { Listed } from "../api/types";
import { restore } from "../state/actions";
import { closeImage } from "../state/place";
import { mayDelete } from "../state/session";
import { count, moment } from "../text";
import { Trash2, Undo2 } from "../ui/icons";

export function TrashedFacts({ image, onRemove }: { image: Listed; onRemove: () => Promise<void> }) {
  const bringBack = async () => {
    if (await restore(image)) closeImage();
  };
  return (
    <>
      <div class="filename">
        <h2>{image.filename}</h2>
      </div>
      <p class="summary">
        {count(image.width)} × {count(image.height)} · {image.format.toUpperCase()} · {image.size}
      </p>
      <p>Deleted {image.deletedAt ? moment(image.deletedAt) : ""}. Restore it to see it again.</p>
      {mayDelete.value && (
        <div class="actions">
          <button class="button accent" autofocus onClick={() => void bringBack()}>
            <Undo2 size={16} aria-hidden="true" />
            Restore
          </button>
          <button class="button danger-quiet" onClick={() => void onRemove()}>
            <Trash2 size={16} aria-hidden="true" />
            Delete for ever
          </button>
        </div>
      )}
    </>
  );
}
