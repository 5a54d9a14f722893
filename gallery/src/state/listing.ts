// One listing, page by page. Ids and ratios of all pages stay; the rest of pages that are far from
// what is seen is let go, and asked for again by the same cursor.
import { signal } from "@preact/signals";
import { Problem, problemFrom } from "../api/client";
import type { Listed } from "../api/types";
import { shownRatio } from "../grid/rows";

export interface Page {
  images: Listed[];
  total: number;
  totalIsExact: boolean;
  nextCursor: string | null;
}

export type Fetcher = (
  page: { limit: number; cursor: string | null },
  signal: AbortSignal,
) => Promise<Page>;

interface Known {
  cursor: string | null;
  limit: number;
  first: number;
  count: number;
  isHeld: boolean;
  isAsked: boolean;
}

const FIRST_PAGE = 80;
const PAGE = 240;
const HELD_PAGES = 16;

export class Listing {
  /** Goes up with every change; `layout` with those after which rows must be made anew. */
  readonly version = signal(0);
  readonly layout = signal(0);
  readonly total = signal<number | null>(null);
  readonly totalIsExact = signal(true);
  readonly problem = signal<Problem | null>(null);
  readonly ids: string[] = [];
  readonly ratios: number[] = [];
  private readonly held = new Map<string, Listed>();
  private readonly pages: Known[] = [];
  private next: string | null | undefined = undefined;
  private asking = false;
  private readonly ended = new AbortController();

  constructor(private readonly fetcher: Fetcher) {}

  get isComplete(): boolean {
    return this.next === null;
  }

  at(index: number): Listed | undefined {
    return this.held.get(this.ids[index] ?? "");
  }

  find(id: string): Listed | undefined {
    return this.held.get(id);
  }

  indexOf(id: string): number {
    return this.ids.indexOf(id);
  }

  /** Ask for the next page, unless that is being done or there is none. */
  async more(): Promise<void> {
    if (this.asking || this.isComplete || this.problem.value) return;
    this.asking = true;
    const cursor = this.next ?? null;
    const limit = this.pages.length ? PAGE : FIRST_PAGE;
    try {
      const page = await this.fetcher({ limit, cursor }, this.ended.signal);
      this.take(page, cursor, limit);
    } catch (error) {
      if (!this.ended.signal.aborted) this.problem.value = problemFrom(error);
    } finally {
      this.asking = false;
    }
  }

  retry(): Promise<void> {
    this.problem.value = null;
    return this.more();
  }

  private take(page: Page, cursor: string | null, limit: number): void {
    const first = this.ids.length;
    const added = page.images.filter((image) => !this.held.has(image.imageId));
    for (const image of added) {
      this.ids.push(image.imageId);
      this.ratios.push(shownRatio(image.width, image.height));
      this.held.set(image.imageId, image);
    }
    this.pages.push({ cursor, limit, first, count: added.length, isHeld: true, isAsked: false });
    this.next = page.nextCursor;
    this.total.value = page.total;
    this.totalIsExact.value = page.totalIsExact;
    this.version.value += 1;
  }

  /** Hold what is near to these pictures, and let go of what is far when there is too much. */
  look(firstIndex: number, lastIndex: number): void {
    for (const page of this.pages) {
      const isNear = page.first <= lastIndex && page.first + page.count > firstIndex;
      if (isNear && !page.isHeld) void this.again(page);
    }
    const held = this.pages.filter((page) => page.isHeld);
    if (held.length <= HELD_PAGES) return;
    const middle = (firstIndex + lastIndex) / 2;
    const distance = (page: Known) => Math.abs(page.first + page.count / 2 - middle);
    held.sort((a, b) => distance(b) - distance(a));
    for (const page of held.slice(0, held.length - HELD_PAGES)) this.letGo(page);
  }

  private letGo(page: Known): void {
    page.isHeld = false;
    for (let i = page.first; i < page.first + page.count; i += 1) this.held.delete(this.ids[i]!);
  }

  private async again(page: Known): Promise<void> {
    if (page.isAsked) return;
    page.isAsked = true;
    try {
      const known = new Set(this.ids.slice(page.first, page.first + page.count));
      const { cursor, limit } = page;
      const { images } = await this.fetcher({ limit, cursor }, this.ended.signal);
      for (const image of images) {
        if (known.has(image.imageId)) this.held.set(image.imageId, image);
      }
      page.isHeld = true;
      this.version.value += 1;
    } catch {
      // Asked again at the next look.
    } finally {
      page.isAsked = false;
    }
  }

  replace(image: Listed): void {
    if (!this.held.has(image.imageId)) return;
    this.held.set(image.imageId, image);
    this.version.value += 1;
  }

  insert(index: number, image: Listed): void {
    if (this.held.has(image.imageId) || this.ids.includes(image.imageId)) return;
    const at = Math.min(index, this.ids.length);
    this.ids.splice(at, 0, image.imageId);
    this.ratios.splice(at, 0, shownRatio(image.width, image.height));
    this.held.set(image.imageId, image);
    const page = this.pages.findLast((known) => known.first <= at);
    if (page) page.count += 1;
    for (const known of this.pages) if (known !== page && known.first >= at) known.first += 1;
    this.count(1);
  }

  /** Take a picture out; return where it was, -1 when it was not there. */
  remove(id: string): number {
    const at = this.indexOf(id);
    if (at < 0) return -1;
    this.ids.splice(at, 1);
    this.ratios.splice(at, 1);
    this.held.delete(id);
    const page = this.pages.findLast((known) => known.first <= at);
    if (page) page.count -= 1;
    for (const known of this.pages) if (known !== page && known.first > at) known.first -= 1;
    this.count(-1);
    return at;
  }

  private count(change: number): void {
    if (this.total.value !== null) this.total.value += change;
    this.layout.value += 1;
    this.version.value += 1;
  }

  end(): void {
    this.ended.abort();
  }
}
