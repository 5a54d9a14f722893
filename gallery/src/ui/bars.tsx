// Charts as plain SVG and HTML, read by screen readers as tables and lists.
import type { Month } from "../api/types";
import { bytes, count, middleOf, monthName, plural } from "../text";

const short = new Intl.DateTimeFormat(undefined, { month: "short" });

const HEIGHT = 160;
const SHOWN_MONTHS = 24;

/** Return the last months up to the latest, those without pictures too. */
function filled(given: Month[]): Month[] {
  const known = new Map(given.map((each) => [each.month, each]));
  const latest = [...known.keys()].sort().at(-1);
  if (!latest) return [];
  const earliest = [...known.keys()].sort()[0]!;
  const found: Month[] = [];
  const date = middleOf(latest);
  while (found.length < SHOWN_MONTHS) {
    const month = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`;
    found.unshift(known.get(month) ?? { month, files: 0, bytes: 0 });
    if (month <= earliest && found.length >= 6) break;
    date.setMonth(date.getMonth() - 1);
  }
  return found;
}

export function MonthBars({ data }: { data: Month[] }) {
  const shown = filled(data);
  const most = Math.max(1, ...shown.map(({ files }) => files));
  const step = 100 / shown.length;
  const width = Math.min(step * 0.62, 6);
  return (
    <figure class="months">
      <svg viewBox={`0 0 100 ${HEIGHT / 4}`} preserveAspectRatio="none" aria-hidden="true">
        {shown.map(({ month, files }, i) => {
          const height = files ? Math.max(0.6, (files / most) * (HEIGHT / 4 - 1)) : 0;
          const x = i * step + (step - width) / 2;
          return (
            <rect key={month} x={x} y={HEIGHT / 4 - height} width={width} height={height}>
              <title>{`${monthName(month)}: ${plural(files, "picture")}`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="axis" aria-hidden="true">
        {shown.map(({ month }, i) => (
          <span key={month}>
            {(shown.length - 1 - i) % Math.ceil(shown.length / 12) === 0 && (
              <>
                {short.format(middleOf(month))}
                {(month.endsWith("-01") || i === 0) && <small>{month.slice(0, 4)}</small>}
              </>
            )}
          </span>
        ))}
      </div>
      <table class="sr-only">
        <caption>Pictures stored, month by month</caption>
        <thead>
          <tr>
            <th scope="col">Month</th>
            <th scope="col">Pictures</th>
            <th scope="col">Bytes</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((each) => (
            <tr key={each.month}>
              <th scope="row">{monthName(each.month)}</th>
              <td>{count(each.files)}</td>
              <td>{bytes(each.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  );
}

export interface Share {
  name: string;
  files: number;
  bytes: number;
}

const percent = (share: number) => (share > 0 && share < 0.01 ? "under 1%" : `${Math.round(100 * share)}%`);

/** Shares of the bytes, the largest first. */
export function ShareBars({ data }: { data: Share[] }) {
  const all = data.reduce((sum, each) => sum + each.bytes, 0) || 1;
  const sorted = [...data].sort((a, b) => b.bytes - a.bytes);
  const most = sorted[0]?.bytes || 1;
  return (
    <ul class="shares">
      {sorted.map(({ name, files, bytes: size }) => (
        <li key={name}>
          <span class="share-name">{name.toUpperCase()}</span>
          <span class="share-bar" aria-hidden="true">
            <span style={{ width: `${Math.max(0.5, (100 * size) / most)}%` }} />
          </span>
          <span class="share-told">
            {bytes(size)} <small>{plural(files, "picture")}, {percent(size / all)}</small>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function Meter({ label, value, max, told }: { label: string; value: number; max: number; told: string }) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div class={`meter ${share > 0.9 ? "is-high" : ""}`}>
      <div class="meter-head">
        <span>{label}</span>
        <span>{told}</span>
      </div>
      <div
        class="meter-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={max}
        aria-valuenow={Math.min(value, max)}
        aria-valuetext={told}
      >
        <span style={{ width: `${share * 100}%` }} />
      </div>
    </div>
  );
}
