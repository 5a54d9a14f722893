// Deleting, after asking where there is no way back.
import type { Listed } from "../api/types";
import { Named, isForEver, remove } from "../state/actions";
import { removeAll } from "../state/bulk";
import { mayDelete } from "../state/session";
import { plural } from "../text";
import { confirmed } from "../ui/confirm";

/** Delete a picture. Return whether it was done. */
export async function askAndRemove(image: Named): Promise<boolean> {
  if (!mayDelete.value) return false;
  if (isForEver()) {
    const text = `${image.filename} cannot be brought back.`;
    if (!(await confirmed("Delete for ever?", text, "Delete"))) return false;
  }
  return remove(image);
}

/** Delete several. */
export async function askAndRemoveAll(images: Listed[]): Promise<void> {
  if (!mayDelete.value || !images.length) return;
  if (isForEver()) {
    const text = `${plural(images.length, "picture")} cannot be brought back.`;
    if (!(await confirmed("Delete for ever?", text, "Delete"))) return;
  }
  await removeAll(images);
}
