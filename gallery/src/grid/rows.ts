// Justified rows: pictures of one row share a height, and together fill the width.

const NARROWEST = 0.5;
const WIDEST = 3.2;
/** A row that is short of pictures is not made higher than this, in heights aimed at. */
const TALLEST = 1.6;

/** `first` and `top` count from where the block begins. */
export interface Row {
  first: number;
  count: number;
  top: number;
  height: number;
  isFull: boolean;
}

export interface Shape {
  width: number;
  /** The height aimed at, px. */
  target: number;
  gap: number;
}

/** Return the ratio a picture is shown in: panoramas and strips are cut to stay readable. */
export function shownRatio(width: number, height: number): number {
  const ratio = width > 0 && height > 0 ? width / height : 1;
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

/** Worth it, in squares of how far a height is from the one aimed at, to end a row where one ended. */
const STAYING = 0.06;

/**
 * Lay out a block by itself, every row of it full, so that it sits seamlessly between blocks that
 * are not there yet. Only the last row of the whole listing may be short.
 *
 * `ended` tells whether a row ended before a picture until now: those rows stay, if they can.
 */
export function layOut(
  ratios: readonly number[],
  shape: Shape,
  isLast: boolean,
  ended: (end: number) => boolean = () => false,
): Row[] {
  const rows: Row[] = [];
  let top = 0;
  let first = 0;
  for (const end of breaks(ratios, shape, isLast, ended)) {
    const full = heightOf(ratios, first, end, shape);
    const isShort = full > shape.target * (isLast && end === ratios.length ? 1 : TALLEST);
    const height = isShort ? shape.target : full;
    rows.push({ first, count: end - first, top, height, isFull: !isShort });
    top += height + shape.gap;
    first = end;
  }
  return rows;
}

function heightOf(ratios: readonly number[], first: number, end: number, { width, gap }: Shape): number {
  let sum = 0;
  for (let i = first; i < end; i += 1) sum += ratios[i]!;
  return (width - gap * (end - first - 1)) / sum;
}

/** Return where rows end so that all heights together are nearest to the one aimed at. */
function breaks(
  ratios: readonly number[],
  shape: Shape,
  isLast: boolean,
  ended: (end: number) => boolean,
): number[] {
  const { width, target, gap } = shape;
  const costs = [0];
  const from = [0];
  for (let end = 1; end <= ratios.length; end += 1) {
    costs[end] = Infinity;
    from[end] = end - 1;
    const bonus = ended(end) ? STAYING : 0;
    let sum = 0;
    for (let first = end - 1; first >= 0; first -= 1) {
      sum += ratios[first]!;
      const height = (width - gap * (end - first - 1)) / sum;
      const mayBeShort = isLast && end === ratios.length && height > target;
      const cost = costs[first]! + (mayBeShort ? 0 : (height / target - 1) ** 2) - bonus;
      if (cost < costs[end]!) {
        costs[end] = cost;
        from[end] = first;
      }
      if (height < target / 2.5) break;
    }
  }
  const found: number[] = [];
  for (let end = ratios.length; end > 0; end = from[end]!) found.unshift(end);
  return found;
}
