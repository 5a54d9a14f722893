// The blocks that a listing consists of, and what becomes of them when it changes.
import type { Listed } from "../api/types";

export const BLOCK = 60;

export interface Block {
  first: number;
  count: number;
  /** null while not held. */
  images: Listed[] | null;
  /** Goes up when its pictures change. */
  version: number;
  askedMs: number;
  isAsked: boolean;
  hasFailed: boolean;
}

const empty = (count: number): Block => ({
  first: 0,
  count,
  images: null,
  version: 0,
  askedMs: 0,
  isAsked: false,
  hasFailed: false,
});

export const filled = (images: Listed[]): Block => ({
  ...empty(images.length),
  images,
  askedMs: Date.now(),
});

export function inBlocks(count: number): Block[] {
  const blocks: Block[] = [];
  for (let left = count; left > 0; left -= BLOCK) blocks.push(empty(Math.min(BLOCK, left)));
  return blocks;
}

export function held(images: Listed[]): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < images.length; i += BLOCK) blocks.push(filled(images.slice(i, i + BLOCK)));
  return blocks;
}


interface Staying {
  /** Where in the page what stays begins. */
  from: number;
  blocks: Block[];
  /** Which blocks they take the place of. */
  first: number;
  last: number;
}

/**
 * Find again, in a page that is asked for anew, the blocks that are held, so that rows stay as they
 * are where nothing has changed.
 *
 * What the page has before and behind them is left out, but at the ends of the listing.
 */
export function stay(blocks: Block[], images: Listed[], isTop: boolean, isEnd: boolean): Staying {
  const places = new Map(images.map(({ imageId }, i) => [imageId, i]));
  const kept: { block: Block; number: number; from: number; to: number }[] = [];
  blocks.forEach((block, number) => {
    const at = (block.images ?? []).flatMap(({ imageId }) => places.get(imageId) ?? []);
    const isWhole = block.images && block.images.length - at.length <= block.count / 2;
    const previous = kept[kept.length - 1];
    if (!isWhole || !at.length) return;
    if (previous && (previous.number !== number - 1 || previous.to >= at[0]!)) return;
    kept.push({ block, number, from: at[0]!, to: at[at.length - 1]! });
  });
  const first = kept[0];
  const last = kept[kept.length - 1];
  if (!first || !last) return { from: 0, blocks: held(images), first: 0, last: blocks.length - 1 };
  if (isTop) first.from = 0;
  if (isEnd) last.to = images.length - 1;
  kept.forEach((each, i) => {
    // What is new between two belongs to the first of them.
    const to = kept[i + 1]?.from ?? last.to + 1;
    put(each.block, images.slice(each.from, to));
  });
  return { from: first.from, blocks: kept.map(({ block }) => block), first: first.number, last: last.number };
}

function put(block: Block, images: Listed[]): void {
  const old = block.images ?? [];
  const isSame = old.length === images.length && old.every(({ imageId }, i) => imageId === images[i]!.imageId);
  block.images = images;
  block.count = images.length;
  block.askedMs = Date.now();
  if (!isSame) block.version += 1;
}

/** Have room for so many in these blocks, without what was held of them: it may be another by now. */
export function fit(blocks: Block[], count: number): Block[] {
  let missing = Math.max(0, count) - blocks.reduce((sum, block) => sum + block.count, 0);
  const left = [...blocks];
  while (missing < 0 && left.length) {
    const last = left[left.length - 1]!;
    const less = Math.min(last.count, -missing);
    last.count -= less;
    missing += less;
    if (!last.count) left.pop();
  }
  const last = left[left.length - 1];
  if (last && missing > 0 && missing < BLOCK) last.count += missing;
  else if (missing > 0) left.push(...inBlocks(missing));
  for (const block of left) {
    block.images = null;
    block.version += 1;
  }
  return left;
}
