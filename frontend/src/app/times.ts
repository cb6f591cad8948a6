/** Points in time, as the reader's language and zone have them. Formatters are kept: to make one takes long. */

import { i18n } from "./i18n";

const made = new Map<string, Intl.DateTimeFormat>();

function formatter(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const locale = i18n.global.locale.value;
  const key = `${locale} ${name}`;
  const format = made.get(key) ?? new Intl.DateTimeFormat(locale, options);
  made.set(key, format);
  return format;
}

export function timeOf(moment: string): string {
  return formatter("time", { hour: "2-digit", minute: "2-digit" }).format(new Date(moment));
}

export function wholeOf(moment: string): string {
  return formatter("whole", { dateStyle: "long", timeStyle: "short" }).format(new Date(moment));
}

export function dateOf(moment: string): string {
  return formatter("date", { dateStyle: "medium" }).format(new Date(moment));
}

export function dayOf(moment: string, now = new Date()): string {
  const date = new Date(moment);
  const ago = daysBetween(date, now);
  if (ago < 2 && ago >= 0) {
    const relative = new Intl.RelativeTimeFormat(i18n.global.locale.value, { numeric: "auto" });
    const word = relative.format(-ago, "day");
    return word.charAt(0).toLocaleUpperCase() + word.slice(1);
  }
  const isThisYear = date.getFullYear() === now.getFullYear();
  return isThisYear
    ? formatter("day", { weekday: "long", day: "numeric", month: "long" }).format(date)
    : formatter("day of year", { day: "numeric", month: "long", year: "numeric" }).format(date);
}

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** How long ago, in the largest unit that fits. */
export function agoOf(moment: string, now = new Date()): string {
  const seconds = Math.max(0, (now.getTime() - new Date(moment).getTime()) / 1000);
  const [unit, length] = STEPS.find(([, each]) => seconds >= each) ?? ["minute", 60];
  const relative = new Intl.RelativeTimeFormat(i18n.global.locale.value, { numeric: "auto" });
  return relative.format(-Math.floor(seconds / length), unit);
}

/** As short as a list wants it: the time today, the weekday this week, else the date. */
export function briefOf(moment: string, now = new Date()): string {
  const date = new Date(moment);
  const ago = daysBetween(date, now);
  if (ago <= 0) {
    return timeOf(moment);
  }
  return ago < 7
    ? formatter("weekday", { weekday: "short" }).format(date)
    : formatter("numeric", { day: "numeric", month: "numeric", year: "2-digit" }).format(date);
}

function daysBetween(date: Date, now: Date): number {
  const [one, other] = [date, now].map((moment) =>
    Date.UTC(moment.getFullYear(), moment.getMonth(), moment.getDate()),
  );
  return ((other ?? 0) - (one ?? 0)) / 86_400_000;
}
