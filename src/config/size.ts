const units = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;

/**
 * Parses `64KiB`, `10MB` (10⁷), `1.5GiB`, or a plain number of bytes.
 *
 * @returns whole bytes, or `undefined` when the text is no size or beyond 2⁵³.
 */
export function parseSize(text: string): number | undefined {
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)([kKMGT]?i?B|)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined || !(unit in units)) return undefined;
  const bytes = Math.round(Number(amount) * units[unit as keyof typeof units]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Writes bytes in the largest unit that leaves no fraction, binary units first. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0';
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB', 'kB'] as const) {
    if (bytes % units[unit] === 0) return `${bytes / units[unit]}${unit}`;
  }
  return String(bytes);
}
