/** A point in time as a person gives it: so long ago, or a date. */
export type Moment = { readonly agoMs: number } | { readonly at: number };

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Parses `45m`, `2h`, `1.5d`; `undefined` when the text is no such thing. */
export function parseAgo(text: string): Moment | undefined {
  const [, amount, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhdw])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  return { agoMs: Math.round(Number(amount) * unitsMs[unit as keyof typeof unitsMs]) };
}

/** Parses the same, or a date of ISO 8601, which without an offset is local time. */
export function parseMoment(text: string): Moment | undefined {
  const isDate =
    /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/.test(
      text,
    );
  if (!isDate) return parseAgo(text);
  // A date alone would be midnight in London; whoever types it means their own.
  const at = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
  return Number.isNaN(at) ? undefined : { at };
}

/** In milliseconds since the epoch. */
export function momentAt(moment: Moment, now: number): number {
  return 'at' in moment ? moment.at : Math.max(0, now - moment.agoMs);
}
