// Periods of a report, as days: what they are called, and what is usual.

export interface Period {
  from: string;
  to: string;
}

/** A day as the server has it, in the reader's own calendar. */
export function dayOf(date: Date): string {
  const two = (number: number) => `${number}`.padStart(2, "0");
  return `${`${date.getFullYear()}`.padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The periods that are mostly asked for, which are over. */
export function presets(today: Date): { label: string; period: Period }[] {
  const [year, month, date] = [today.getFullYear(), today.getMonth(), today.getDate()];
  const sinceMonday = (today.getDay() + 6) % 7;
  const quarter = month - month % 3;
  const period = (from: Date, to: Date) => ({ from: dayOf(from), to: dayOf(to) });
  return [
    { label: "Last week", period: period(new Date(year, month, date - sinceMonday - 7), new Date(year, month, date - sinceMonday - 1)) },
    { label: "Last month", period: period(new Date(year, month - 1, 1), new Date(year, month, 0)) },
    { label: "Last quarter", period: period(new Date(year, quarter - 3, 1), new Date(year, quarter, 0)) },
    { label: "Last 12 months", period: period(new Date(year, month - 12, 1), new Date(year, month, 0)) },
  ];
}

const MOST_DAYS = 3 * 366;
const DAY_MS = 86_400_000;

/** What is wrong with a period, by field; empty where nothing is. The server says the same. */
export function problemsOf({ from, to }: Period): { from?: string; to?: string } {
  if (!from) return { from: "From which day on?" };
  if (!to) return { to: "Until which day?" };
  if (from > to) return { to: "It ends before it begins." };
  return (Date.parse(to) - Date.parse(from)) / DAY_MS >= MOST_DAYS ? { from: "At most three years." } : {};
}
