// Files from wherever they come: dropped, folders too, pasted, or chosen.

const PICTURE = /\.(jpe?g|jpe|jfif|png|apng|gif|webp|avif|tiff?|bmp|dib|heic|heif)$/i;

/** Return the files of a drop; of folders only what looks like pictures, for they hold other things. */
export async function droppedFiles(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...data.files];
  const found: File[] = [];
  for (const entry of entries) if (entry) await collect(entry, found, false);
  return found;
}

async function collect(entry: FileSystemEntry, found: File[], isInside: boolean): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    if (!isInside || PICTURE.test(file.name)) found.push(file);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (!part.length) return;
    for (const inner of part) await collect(inner, found, true);
  }
}

/** Return pasted pictures, under names that tell them apart: browsers call all of them image.png. */
export function pastedFiles(data: DataTransfer): File[] {
  const stamp = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
  return [...data.files].map((file, i) => {
    if (file.name !== "image.png") return file;
    const name = `pasted ${stamp}${i ? ` ${i + 1}` : ""}.png`;
    return new File([file], name, { type: file.type });
  });
}

export const hasFiles = (data: DataTransfer | null) => data?.types.includes("Files") ?? false;
