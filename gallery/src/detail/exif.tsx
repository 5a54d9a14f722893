// All that the camera wrote, group by group.

const shown = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  if (value && typeof value === "object") return JSON.stringify(value);
  return String(value);
};

/** Return (name, value) pairs; what is nested is named after where it stands. */
function pairs(exif: Record<string, unknown>, prefix = ""): [string, string][] {
  return Object.entries(exif).flatMap(([name, value]) => {
    const isGroup = value !== null && typeof value === "object" && !Array.isArray(value);
    if (isGroup) return pairs(value as Record<string, unknown>, `${prefix}${name} `);
    return [[`${prefix}${name}`, shown(value)] as [string, string]];
  });
}

const spaced = (name: string) => name.replace(/([a-z\d])([A-Z])/g, "$1 $2");

export function Exif({ exif }: { exif: Record<string, unknown> }) {
  const all = pairs(exif);
  if (!all.length) return null;
  return (
    <details class="exif">
      <summary>
        <h3>EXIF</h3> <span>{all.length} entries</span>
      </summary>
      <table>
        <thead class="sr-only">
          <tr>
            <th scope="col">Entry</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {all.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{spaced(name)}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
