// Where each block of a listing is on the page: known for what is held, estimated for the rest.
import type { Block, Listing } from "../state/listing";
import { Row, Shape, layOut, shownRatio } from "./rows";

interface Laid {
  version: number;
  isLast: boolean;
  ratios: number[];
  rows: Row[];
  /** The last pictures of the rows. */
  ends: ReadonlySet<string>;
  height: number;
}

export interface Spot {
  y: number;
  row: Row;
  block: Block;
}

export class Geometry {
  private readonly laid = new WeakMap<Block, Laid>();
  private tops: number[] = [0];

  constructor(
    readonly listing: Listing,
    readonly shape: Shape,
  ) {}

  get height(): number {
    return Math.max(0, this.tops[this.tops.length - 1]! - this.shape.gap);
  }

  /** Measure again what has changed. */
  update(): void {
    const { blocks } = this.listing;
    const tops = new Array<number>(blocks.length + 1);
    tops[0] = 0;
    blocks.forEach((block, i) => {
      tops[i + 1] = tops[i]! + this.heightOf(block, i === blocks.length - 1);
    });
    this.tops = tops;
  }

  top(number: number): number {
    return this.tops[number] ?? 0;
  }

  blockHeight(number: number): number {
    return this.top(number + 1) - this.top(number);
  }

  private heightOf(block: Block, isLast: boolean): number {
    const laid = this.rowsOf(block, isLast && this.listing.isComplete);
    if (laid) return laid.height;
    const kept = this.laid.get(block);
    if (kept) return kept.height;
    const { width, target, gap } = this.shape;
    // Not rounded: all blocks would have a row more or less once the window is a little wider.
    const rows = (block.count * (this.listing.meanRatio * target + gap)) / width;
    return block.count ? Math.max(1, rows) * (target + gap) : 0;
  }

  private rowsOf(block: Block, isLast: boolean): Laid | null {
    if (!block.images) return null;
    const known = this.laid.get(block);
    if (known && known.version === block.version && known.isLast === isLast) return known;
    const ratios = block.images.map((image) => shownRatio(image.width, image.height));
    const { images } = block;
    const ended = (end: number) => known?.ends.has(images[end - 1]!.imageId) ?? false;
    const rows = layOut(ratios, this.shape, isLast, ended);
    const ends = new Set(rows.map((row) => images[row.first + row.count - 1]!.imageId));
    const last = rows[rows.length - 1];
    const height = last ? last.top + last.height + this.shape.gap : 0;
    const laid = { version: block.version, isLast, ratios, rows, ends, height };
    this.laid.set(block, laid);
    return laid;
  }

  /** Return the rows of a block that is held, and the ratios they were made of. */
  rows(block: Block): { rows: Row[]; ratios: number[] } {
    return this.laid.get(block) ?? { rows: [], ratios: [] };
  }

  /** Return the number of the block at this height, or of the one nearest to it. */
  blockAt(y: number): number {
    let low = 0;
    let high = Math.max(0, this.tops.length - 2);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.top(middle) <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Return the row a picture is in, null where it is not held. */
  spot(index: number): Spot | null {
    const number = this.listing.blockOf(index);
    const block = this.listing.blocks[number];
    if (!block?.images) return null;
    const row = this.rows(block).rows.findLast((each) => block.first + each.first <= index);
    return row ? { y: this.top(number) + row.top, row, block } : null;
  }

  /** Return the height at which a picture is, or should be. */
  yOf(index: number): number {
    const spot = this.spot(index);
    if (spot) return spot.y;
    const number = this.listing.blockOf(index);
    const block = this.listing.blocks[number];
    if (!block) return this.height;
    return this.top(number) + (this.blockHeight(number) * (index - block.first)) / Math.max(1, block.count);
  }

  /** Return the picture at this height; among what is not held, the one that should be there. */
  indexAt(y: number): number {
    const number = this.blockAt(y);
    const block = this.listing.blocks[number];
    if (!block) return 0;
    const inside = y - this.top(number);
    if (block.images) {
      const row = this.rows(block).rows.findLast((each) => each.top <= inside);
      return block.first + (row?.first ?? 0);
    }
    const share = Math.min(0.999, Math.max(0, inside / Math.max(1, this.blockHeight(number))));
    return block.first + Math.floor(share * block.count);
  }

  /** Return the first picture that is held from the row at the one height on, null if none is up to the other. */
  heldBetween(from: number, to: number): number | null {
    const first = this.blockAt(from);
    const last = this.blockAt(to);
    for (let number = first; number <= last; number += 1) {
      const block = this.listing.blocks[number];
      if (block?.images?.length) return number === first ? this.indexAt(from) : block.first;
    }
    return null;
  }

  /** Return the picture above or below: the one whose middle is nearest. */
  beside(index: number, step: 1 | -1): number {
    const spot = this.spot(index);
    if (!spot) return index;
    const middle = this.middles(spot)[index - spot.block.first - spot.row.first] ?? 0;
    const first = spot.block.first + spot.row.first;
    const neighbour = step > 0 ? first + spot.row.count : first - 1;
    if (neighbour < 0 || neighbour >= this.listing.count) return index;
    const other = this.spot(neighbour);
    if (!other) return neighbour;
    const found = this.middles(other).map((value) => Math.abs(value - middle));
    return other.block.first + other.row.first + found.indexOf(Math.min(...found));
  }

  private middles({ block, row }: Spot): number[] {
    let x = 0;
    const { ratios } = this.rows(block);
    return ratios.slice(row.first, row.first + row.count).map((ratio) => {
      const width = ratio * row.height;
      x += width + this.shape.gap;
      return x - this.shape.gap - width / 2;
    });
  }
}
