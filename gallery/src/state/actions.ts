// What is done to one picture, and how it is told.
import { problemFrom } from "../api/client";
import { Change, deleteImage, restoreImage, updateImage } from "../api/images";
import type { Listed, OneImage } from "../api/types";
import type { Listing } from "./listing";
import { listing } from "./listings";
import { place } from "./place";
import { leaveOut } from "./selection";
import { hasTrash } from "./session";
import { tell } from "./toasts";

export type Named = Pick<Listed, "imageId" | "filename">;

/** Tell whether what is deleted here is deleted for good. */
export const isForEver = () => place.peek().view === "trash" || !hasTrash.peek();

const tellOf = (error: unknown) => tell(problemFrom(error).message, { kind: "problem" });

/** Change what a picture is called. Throws Problem. */
export async function change(id: string, what: Change): Promise<OneImage> {
  const changed = await updateImage(id, what);
  const shown = listing.value?.find(id);
  const { filename, tags } = changed.metadata;
  if (shown) listing.value?.replace([{ ...shown, filename, tags }]);
  return changed;
}

/** Put a picture into the trash, with a way back; or delete it, which the visitor has confirmed. */
export async function remove(image: Named): Promise<boolean> {
  const now = listing.value;
  const kept = now?.find(image.imageId);
  const at = now?.indexOf(image.imageId) ?? -1;
  const permanent = isForEver();
  try {
    await deleteImage(image.imageId, permanent);
  } catch (error) {
    tellOf(error);
    return false;
  }
  const gone = new Set([image.imageId]);
  now?.remove(gone);
  leaveOut(gone);
  if (permanent) tell(`${image.filename} was deleted.`);
  else {
    const run = () => void bringBack(image, { to: now, at, kept });
    tell(`${image.filename} is in the trash.`, { action: { label: "Undo", run } });
  }
  return true;
}

interface From {
  to: Listing | null;
  at: number;
  kept: Listed | undefined;
}

async function bringBack(image: Named, from: From): Promise<void> {
  try {
    await restoreImage(image.imageId);
    if (from.to && from.at >= 0 && from.kept) from.to.insert(from.at, from.kept);
    tell(`${image.filename} is back.`);
  } catch (error) {
    tellOf(error);
  }
}

/** Take a picture out of the trash. */
export async function restore(image: Named): Promise<boolean> {
  try {
    await restoreImage(image.imageId);
  } catch (error) {
    tellOf(error);
    return false;
  }
  const gone = new Set([image.imageId]);
  listing.value?.remove(gone);
  leaveOut(gone);
  tell(`${image.filename} is back among the pictures.`);
  return true;
}
