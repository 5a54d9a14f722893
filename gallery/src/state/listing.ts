// One listing, in blocks. Where its length is known all blocks are there from the start, and any of
// them can be asked for; otherwise they come one after the other. What is far from the window is
// let go: of such a block only its length is kept.
import { signal } from "@preact/signals";
import { Problem, problemFrom } from "../api/client";
import type { ImagePage, Listed } from "../api/types";
import { shownRatio } from "../grid/rows";
import { BLOCK, Block, filled, fit, held, inBlocks, stay } from "./blocks";

export type { Block };

export type Fetcher = (
  page: { limit: number; skip: number; cursor: string | null },
  signal: AbortSignal,
) => Promise<ImagePage>;

export interface View {
  from: number;
  to: number;
  isAtTop: boolean;
}

const HELD_BLOCKS = 24;
/** So many changes before what is looked at are followed; beyond, what is looked at may change. */
const SLACK = 20;
const HEAD = 60; // As views/pictures.tsx has it.
/** Beyond this the page would be higher than browsers can make one. */
const MOST_WHOLE = 250_000;
const PAGE_LIMIT = 1000;

export class Listing {
  /** Goes up with every change. */
  readonly version = signal(0);
  readonly total = signal<number | null>(null);
  readonly totalIsExact = signal(true);
  readonly problem = signal<Problem | null>(null);
  /** How many pictures have come before all that were seen, since they were last looked at. */
  readonly fresh = signal(0);
  blocks: Block[] = [];
  meanRatio = 1.4;
  /** What is in the window, as the grid has told. */
  view: View = { from: 0, to: 0, isAtTop: true };
  /** What came at the top while that was looked at: it slides in. */
  arrived: ReadonlySet<string> = new Set();
  /** Called when the service has another number of pictures than are known of. */
  onDrift: () => void = () => {};
  private next: string | null | undefined = undefined;
  private isAsking = false;
  private isWhole = false;
  private mutations = 0;
  private newest: Listed | undefined = undefined;
  private readonly ended = new AbortController();

  constructor(
    private readonly fetcher: Fetcher,
    readonly isNewestFirst: boolean,
  ) {}

  get isComplete(): boolean {
    return this.isWhole || this.next === null;
  }

  /** How many pictures there are blocks for. */
  get count(): number {
    const last = this.blocks[this.blocks.length - 1];
    return last ? last.first + last.count : 0;
  }

  blockOf(index: number): number {
    let low = 0;
    let high = Math.max(0, this.blocks.length - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  at(index: number): Listed | undefined {
    const block = this.blocks[this.blockOf(index)];
    return block?.images?.[index - block.first];
  }

  find(id: string): Listed | undefined {
    return this.at(this.indexOf(id));
  }

  /** Return where a picture is, -1 when it is not held. */
  indexOf(id: string): number {
    for (const block of this.blocks) {
      const at = block.images?.findIndex((image) => image.imageId === id) ?? -1;
      if (at >= 0) return block.first + at;
    }
    return -1;
  }

  held(): Listed[] {
    return this.blocks.flatMap((block) => block.images ?? []);
  }

  /** Ask for what comes next, unless that is being done or there is none. */
  async more(): Promise<void> {
    if (this.isAsking || this.isComplete || this.problem.value) return;
    this.isAsking = true;
    try {
      const cursor = this.next ?? null;
      this.take(await this.fetcher({ limit: BLOCK, skip: 0, cursor }, this.ended.signal));
    } catch (error) {
      if (!this.ended.signal.aborted) this.problem.value = problemFrom(error);
    } finally {
      this.isAsking = false;
    }
  }

  retry(): Promise<void> {
    this.problem.value = null;
    return this.more();
  }

  private take(page: ImagePage): void {
    const isFirst = this.next === undefined;
    const known = new Set(isFirst ? [] : this.held().map(({ imageId }) => imageId));
    this.blocks.push(...held(page.images.filter(({ imageId }) => !known.has(imageId))));
    this.next = page.nextCursor;
    this.totalIsExact.value = page.totalIsExact;
    this.total.value = page.total;
    if (isFirst) {
      const ratios = page.images.map(({ width, height }) => shownRatio(width, height));
      if (ratios.length) this.meanRatio = ratios.reduce((a, b) => a + b) / ratios.length;
    }
    if (page.totalIsExact) this.know(page.total);
    else this.changed();
    if (isFirst) this.sawTop();
  }

  /** Have room for all pictures, now that it is known how many there are. */
  know(total: number): void {
    this.total.value = total;
    this.totalIsExact.value = true;
    if (total <= MOST_WHOLE && this.next !== undefined) {
      this.isWhole = true;
      const missing = total - this.blocks.reduce((sum, { count }) => sum + count, 0);
      if (missing > 0) this.blocks.push(...inBlocks(missing));
    }
    this.changed();
  }

  private changed(): void {
    let first = 0;
    this.blocks = this.blocks
      .flatMap((block) => (block.images || block.count <= 2 * BLOCK ? [block] : inBlocks(block.count)))
      .filter((block, i) => block.count > 0 || i === 0);
    for (const block of this.blocks) {
      block.first = first;
      first += block.count;
    }
    this.version.value += 1;
  }

  /** Hold the blocks from the one to the other, and let go of what is far when there is too much. */
  look(firstBlock: number, lastBlock: number, kept: number): void {
    const wanted = this.blocks.slice(firstBlock, lastBlock + 1);
    for (const block of wanted) if (!block.images && !block.hasFailed) void this.load(block);
    const far = this.blocks
      .map((block, i) => ({ block, distance: Math.max(firstBlock - i, i - lastBlock, 0) }))
      .filter(({ block, distance }) => block.images && distance > 0 && !isIn(block, kept));
    const most = Math.max(HELD_BLOCKS, wanted.length) - wanted.length;
    if (far.length <= most) return;
    far.sort((a, b) => b.distance - a.distance);
    for (const { block } of far.slice(0, far.length - most)) block.images = null;
  }

  /** Hold what is between two pictures; return it. Throws Problem. */
  async ensure(from: number, to: number): Promise<Listed[]> {
    const first = this.blockOf(Math.max(0, from));
    const last = this.blockOf(Math.min(to, this.count - 1));
    const wanted = this.blocks.slice(first, last + 1);
    for (const block of wanted) block.hasFailed = false;
    await Promise.all(wanted.map((block) => (block.images ? null : this.load(block, true))));
    return wanted.flatMap((block) => (block.images ?? []).filter((_, i) => {
      const index = block.first + i;
      return index >= from && index <= to;
    }));
  }

  private async load(block: Block, throws = false): Promise<void> {
    if (block.isAsked && !throws) return;
    block.isAsked = true;
    const { mutations } = this;
    try {
      const at = { limit: Math.max(1, block.count), skip: block.first, cursor: null };
      const page = await this.fetcher(at, this.ended.signal);
      if (!this.blocks.includes(block)) return;
      if (mutations === this.mutations) this.put(block, page);
      else this.version.value += 1; // Of before a change: the next look asks again.
    } catch (error) {
      if (this.ended.signal.aborted) return;
      // Its place says so; it is asked again when the service is back, or by a button.
      block.hasFailed = true;
      this.version.value += 1;
      if (throws) throw problemFrom(error);
    } finally {
      block.isAsked = false;
    }
  }

  private put(block: Block, page: ImagePage): void {
    const others = new Set<string>();
    for (const other of this.blocks) {
      if (other !== block) other.images?.forEach(({ imageId }) => others.add(imageId));
    }
    const images = page.images.filter(({ imageId }) => !others.has(imageId));
    const hasDrifted = images.length !== block.count || (this.isWhole && page.total !== this.total.value);
    block.images = images;
    block.count = images.length;
    block.askedMs = Date.now();
    block.hasFailed = false;
    block.version += 1;
    this.changed();
    if (hasDrifted && page.totalIsExact) this.onDrift();
  }

  /** Ask again for what could not be had. */
  retryFailed(): void {
    for (const block of this.blocks) block.hasFailed = false;
    if (this.problem.value) void this.retry();
    this.version.value += 1;
  }

  /** Have everything as the service has it now, holding what is near the window. Throws Problem. */
  async sync(): Promise<void> {
    if (this.next === undefined) return;
    const { mutations } = this;
    const first = this.blockOf(this.view.from);
    const last = this.blocks[this.blockOf(this.view.to)];
    const skip = Math.max(0, (this.blocks[first]?.first ?? 0) - SLACK);
    const end = last ? last.first + last.count : 0;
    const limit = Math.min(PAGE_LIMIT, Math.max(BLOCK, end - skip) + SLACK);
    const wanted = [this.fetcher({ limit, skip, cursor: null }, this.ended.signal)];
    if (skip > 0) wanted.push(this.fetcher({ limit: HEAD, skip: 0, cursor: null }, this.ended.signal));
    let pages: ImagePage[];
    try {
      pages = await Promise.all(wanted);
    } catch (error) {
      if (this.ended.signal.aborted) return; // Another listing is shown by now.
      throw error;
    }
    if (this.ended.signal.aborted) return;
    const [page, head] = pages;
    if (mutations !== this.mutations) return this.onDrift();
    const { isAtTop } = this.view;
    const came = this.notice((head ?? page!).images);
    this.arrived = new Set(isAtTop ? came : []);
    this.rebuild(page!, skip);
    if (isAtTop) this.sawTop();
  }

  private rebuild(page: ImagePage, skip: number): void {
    const { blocks } = this;
    const found = stay(blocks, page.images, skip === 0, page.nextCursor === null);
    const here = skip + found.from;
    const beyond = here + found.blocks.reduce((sum, { count }) => sum + count, 0);
    const isAll = page.nextCursor === null && skip + page.images.length === beyond;
    const total = page.totalIsExact ? page.total : Math.max(this.count, beyond);
    if (page.totalIsExact) this.total.value = total;
    const before = fit(blocks.slice(0, found.first), here);
    const after = fit(blocks.slice(found.last + 1), isAll ? 0 : (this.isWhole ? total : this.count) - beyond);
    this.blocks = [...before, ...found.blocks, ...after];
    if (!this.isWhole && isAll) this.next = null;
    this.changed();
  }

  /** Count what has come before all that was seen; return it. */
  private notice(head: Listed[]): string[] {
    const { newest } = this;
    const isNewer = (image: Listed) =>
      newest !== undefined &&
      (image.createdAt > newest.createdAt ||
        (image.createdAt === newest.createdAt && image.imageId > newest.imageId));
    const came = this.isNewestFirst ? head.filter(isNewer).map(({ imageId }) => imageId) : [];
    this.fresh.value = came.length;
    return came;
  }

  /** Note that what is first has been seen: what comes before it later is new. */
  sawTop(): void {
    this.newest = this.at(0) ?? this.newest;
    this.fresh.value = 0;
  }

  /** Ask again for what was told too long ago: its addresses end. */
  renew(firstBlock: number, lastBlock: number, oldestMs: number): void {
    this.blocks.forEach((block, i) => {
      if (!block.images || block.askedMs > oldestMs) return;
      if (i >= firstBlock && i <= lastBlock) void this.load(block);
      else block.images = null;
    });
  }

  replace(images: Listed[]): void {
    const changed = new Map(images.map((image) => [image.imageId, image]));
    for (const block of this.blocks) {
      if (!block.images?.some(({ imageId }) => changed.has(imageId))) continue;
      block.images = block.images.map((image) => changed.get(image.imageId) ?? image);
      block.version += 1;
    }
    this.version.value += 1;
  }

  insert(index: number, image: Listed): void {
    if (this.indexOf(image.imageId) >= 0) return;
    const at = Math.min(index, this.count);
    const block = this.blocks[this.blockOf(at)];
    if (block?.images) {
      block.images = block.images.toSpliced(at - block.first, 0, image);
      block.count += 1;
      block.version += 1;
    } else this.blocks.splice(this.blockOf(at), 0, filled([image]));
    if (at === 0 && !this.fresh.value) this.newest = image;
    if (at === 0 && this.view.isAtTop) this.arrived = new Set([image.imageId]);
    this.mutated(1);
  }

  /** Take pictures out that are gone. */
  remove(ids: ReadonlySet<string>): void {
    let gone = 0;
    for (const block of this.blocks) {
      const left = block.images?.filter(({ imageId }) => !ids.has(imageId));
      if (!left || left.length === block.count) continue;
      gone += block.count - left.length;
      block.images = left;
      block.count = left.length;
      block.version += 1;
    }
    if (gone) this.mutated(-gone);
  }

  private mutated(change: number): void {
    this.mutations += 1;
    if (this.total.value !== null) this.total.value += change;
    this.changed();
  }

  end(): void {
    this.ended.abort();
  }
}

const isIn = (block: Block, index: number) => index >= block.first && index < block.first + block.count;
