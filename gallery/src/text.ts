// Numbers, sizes and dates for people.

const UNITS = ["B", "KB", "MB", "GB", "TB"];
const numbers = new Intl.NumberFormat();
const days = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short" });

export const count = (value: number) => numbers.format(value);

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Return bytes as people say them, 1024-based as the service does. */
export function bytes(value: number): string {
  let rest = value;
  let unit = 0;
  while (rest >= 1023.95 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${unit && rest < 100 ? rest.toFixed(1) : Math.round(rest)} ${UNITS[unit]}`;
}

export const day = (text: string) => days.format(new Date(text));
export const moment = (text: string) => moments.format(new Date(text));

const months = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });
/** Return the day in the middle of a month as 2026-11, wherever the visitor is. */
export const middleOf = (month: string) => new Date(`${month}-15T12:00:00`);
export const monthName = (month: string) => months.format(middleOf(month));

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

export function ago(text: string): string {
  const seconds = (new Date(text).getTime() - Date.now()) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return "just now";
}

export function duration(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor((seconds % 86400) / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "min"],
  ];
  const told = parts.filter(([value]) => value > 0).slice(0, 2);
  return told.map(([value, unit]) => `${value} ${unit}`).join(" ") || "less than a minute";
}

export function degrees(latitude: number, longitude: number): string {
  const part = (value: number, letters: [string, string]) =>
    `${Math.abs(value).toFixed(5)}° ${value < 0 ? letters[1] : letters[0]}`;
  return `${part(latitude, ["N", "S"])}, ${part(longitude, ["E", "W"])}`;
}
