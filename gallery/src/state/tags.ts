import { signal } from "@preact/signals";
import { request } from "../api/client";

export interface TagCount {
  tag: string;
  files: number;
}

export const knownTags = signal<TagCount[]>([]);

export async function loadTags(): Promise<void> {
  try {
    knownTags.value = (await request<{ tags: TagCount[] }>("api/tags")).tags;
  } catch {
    // Without them a tag can still be written by hand.
  }
}
