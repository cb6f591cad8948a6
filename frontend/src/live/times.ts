/** Points in time as their reader would write them. */

const TIME: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };

/** As short as it can be and still be clear; without a `zone`, in the reader's own. */
export function shortTime(moment: Date, now: Date, locale?: string, zone?: string): string {
  const written = (options: Intl.DateTimeFormatOptions, date = moment): string =>
    new Intl.DateTimeFormat(locale, { ...options, ...(zone === undefined ? {} : { timeZone: zone }) }).format(
      date,
    );
  const whole: Intl.DateTimeFormatOptions = { ...DAY, year: "numeric" };
  if (written(whole) === written(whole, now)) {
    return written(TIME);
  }
  const isThisYear = written({ year: "numeric" }) === written({ year: "numeric" }, now);
  return written({ ...(isThisYear ? DAY : whole), ...TIME });
}

/** Shows every time under `root` in the reader's zone; the whole of it on hovering. */
export function localise(root: ParentNode, now = new Date()): void {
  for (const element of root.querySelectorAll("time")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      const whole = moment.toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });
      element.textContent = element.dataset["long"] === undefined ? shortTime(moment, now) : whole;
      element.title = whole;
    }
  }
}
