// Numbers as people type them: with a decimal point or comma, and with what separates thousands.

// As this browser writes it: a number field would drop the other one, and 1,5 would become 15.
const POINT = new Intl.NumberFormat().format(0.5).includes(",") ? "," : ".";
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** These separate nothing but thousands: 1 234 567 or 1'234'567. */
const SPACED = /^[+-]?\d{1,3}(?:([ '’\u00a0\u202f])\d{3})(?:\1\d{3})*(?=[.,]\d*$|$)/;
/** Point and comma do either: only two groups, or one before decimals, are thousands for certain. */
const GROUPED: Record<string, RegExp> = {
  ".": /^[+-]?\d{1,3}(?:(?:,\d{3}){2,}(?:\.\d*)?|,\d{3}\.\d*)$/,
  ",": /^[+-]?\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d*)?|\.\d{3},\d*)$/,
};
/** With a decimal comma, 1.234 may mean either. */
const UNCERTAIN = /^[+-]?\d{1,3}\.\d{3}$/;

/** The number that this text says, null where it says none for certain. */
export function numberIn(text: string, point: "." | "," = POINT): number | null {
  const signed = text.trim().replace("\u2212", "-"); // a minus sign, as some pages show it
  const typed = SPACED.test(signed) ? signed.replace(/[ '’\u00a0\u202f]/g, "") : signed;
  if (point === "," && UNCERTAIN.test(typed)) return null;
  const separator = point === "," ? "." : ",";
  const ungrouped = GROUPED[point]?.test(typed) ? typed.replaceAll(separator, "") : typed;
  const plain = point === "," && !ungrouped.includes(".") ? ungrouped.replace(",", ".") : ungrouped;
  return NUMBER.test(plain) ? Number(plain) : null;
}

/** A number as it is offered to be changed: without separators, which nobody wants to correct. */
export function typedAs(value: number | null): string {
  return value === null ? "" : `${value}`.replace(".", POINT);
}

export function notANumber(text: string): string {
  return `“${text}” is not a number. Write it like 1234${POINT}5.`;
}
