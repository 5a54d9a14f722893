// Justified rows: pictures of one row share a height, and together fill the width.

const NARROWEST = 0.5;
const WIDEST = 3.2;

export interface Row {
  first: number;
  count: number;
  top: number;
  height: number;
  isFull: boolean;
}

/** Return the ratio a picture is shown in: panoramas and strips are cut to stay readable. */
export function shownRatio(width: number, height: number): number {
  const ratio = width > 0 && height > 0 ? width / height : 1;
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

/** Rows for a growing list: what is full stays as it is, so more pictures cost only themselves. */
export class Rows {
  readonly rows: Row[] = [];
  private laidOut = 0;

  constructor(
    readonly width: number,
    private readonly target: number,
    private readonly gap: number,
  ) {}

  get height(): number {
    const last = this.rows[this.rows.length - 1];
    return last ? last.top + last.height : 0;
  }

  extend(ratios: readonly number[]): void {
    const last = this.rows[this.rows.length - 1];
    if (last && !last.isFull) {
      this.rows.pop();
      this.laidOut = last.first;
    }
    while (this.laidOut < ratios.length) this.add(ratios);
  }

  private add(ratios: readonly number[]): void {
    const first = this.laidOut;
    let end = first;
    let sum = 0;
    let height = Infinity;
    while (end < ratios.length && height > this.target) {
      sum += ratios[end]!;
      end += 1;
      height = (this.width - this.gap * (end - first - 1)) / sum;
    }
    const isFull = height <= this.target;
    if (isFull && end - first > 1) {
      // Without its last picture the row is taller: take what is nearer to the height aimed at.
      const without = (this.width - this.gap * (end - first - 2)) / (sum - ratios[end - 1]!);
      if (without - this.target < this.target - height) {
        end -= 1;
        height = without;
      }
    }
    const previous = this.rows[this.rows.length - 1];
    const top = previous ? previous.top + previous.height + this.gap : 0;
    const shown = isFull ? height : Math.min(height, this.target);
    this.rows.push({ first, count: end - first, top, height: shown, isFull });
    this.laidOut = end;
  }

  /** Return the number of the row at this height, or of the one nearest to it. */
  at(y: number): number {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle]!.top <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  rowOf(index: number): number {
    let low = 0;
    let high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
