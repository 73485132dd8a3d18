const bytesPerSecond = {
  'kbit/s': 125,
  'Mbit/s': 125_000,
  'Gbit/s': 125_000_000,
  'kB/s': 1_000,
  'MB/s': 1_000_000,
  'GB/s': 1_000_000_000,
} as const;

/** Below this even a small object would take minutes, and a mistyped unit looks like a dead line. */
const lowestRate = 1_000;
const hoursOfDay = 24;

/** Bytes per second for each hour of the day, 0 to 23 in local time; `undefined` is unlimited. */
export type UploadRate = readonly (number | undefined)[];

type Rate = number | 'unlimited';

/**
 * Parses `20Mbit/s`, `unlimited`, or several of them with their hours: `20Mbit/s@07-19,unlimited`.
 * Hours run from the first to just before the second, over midnight too (`22-06`); the last rate may
 * come without, and is then for the rest of the day.
 *
 * @returns `undefined` when an hour has no rate or two, and when a part is no rate.
 */
export function parseUploadRate(text: string): UploadRate | undefined {
  const day: (Rate | undefined)[] = Array.from({ length: hoursOfDay }, () => undefined);
  const parts = text.split(',').map((part) => part.trim());
  for (const [index, part] of parts.entries()) {
    const [rateText = '', hoursText, ...more] = part.split('@');
    const rate = parseRate(rateText);
    if (rate === undefined || more.length > 0) return undefined;
    const isRest = hoursText === undefined && index === parts.length - 1;
    const hours = isRest ? hoursWithout(day) : parseHours(hoursText ?? '');
    if (hours.length === 0) return undefined;
    for (const hour of hours) {
      if (day[hour] !== undefined) return undefined;
      day[hour] = rate;
    }
  }
  if (day.includes(undefined)) return undefined;
  return day.map((rate) => (rate === 'unlimited' ? undefined : rate));
}

function parseRate(text: string): Rate | undefined {
  if (text === 'unlimited') return text;
  const [, amount, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,9})?)([kMG](?:bit|B)\/s)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const rate = Number(amount) * bytesPerSecond[unit as keyof typeof bytesPerSecond];
  return rate >= lowestRate ? rate : undefined;
}

/** Empty when the text is no span of hours. */
function parseHours(text: string): readonly number[] {
  const [, from = '', until = ''] = /^([0-9]{1,2})-([0-9]{1,2})$/.exec(text) ?? [];
  const first = Number(from);
  const end = Number(until);
  if (from === '' || first >= hoursOfDay || end > hoursOfDay) return [];
  const length = (end - first + hoursOfDay) % hoursOfDay || (end > first ? hoursOfDay : 0);
  return Array.from({ length }, (_, index) => (first + index) % hoursOfDay);
}

function hoursWithout(day: readonly (Rate | undefined)[]): readonly number[] {
  return [...day.keys()].filter((hour) => day[hour] === undefined);
}
