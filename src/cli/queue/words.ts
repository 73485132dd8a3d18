import type { FailedReason, QueuedEntry } from '../../spool/queue-desk.ts';

/** `3d 04h`, `2h 05m`, `45s`. */
export function ageWords(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** `525 kB`, `1.4 GB`. */
export function sizeWords(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  let value = bytes / 1_000;
  for (const unit of ['kB', 'MB', 'GB'] as const) {
    if (value < 999.5) return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
    value /= 1_000;
  }
  return `${value.toFixed(value < 9.95 ? 1 : 0)} TB`;
}

/** `1 object`, `12 objects`. */
export function objectWords(count: number): string {
  return count === 1 ? '1 object' : `${count} objects`;
}

/** Why an entry stands where it stands, on one line; empty where there is nothing to say. */
export function standingWords(entry: QueuedEntry, now: number): string {
  switch (entry.state) {
    case 'failed':
      return entry.reason === undefined ? 'its reason cannot be read' : reasonWords(entry.reason);
    case 'delayed':
      return entry.notBefore === undefined || entry.notBefore <= now
        ? 'next attempt is due'
        : `next attempt in ${ageWords(entry.notBefore - now)}`;
    case 'kept':
      return entry.deliveredAt === undefined
        ? 'delivered'
        : `delivered ${ageWords(now - entry.deliveredAt)} ago`;
    case 'waiting':
    case 'sending':
      return '';
  }
}

function reasonWords({ code, message, httpStatus, failureReason }: FailedReason): string {
  const facts = [
    httpStatus === undefined ? undefined : `HTTP ${httpStatus}`,
    failureReason === undefined ? undefined : failureReasonWords(failureReason),
  ].filter((fact) => fact !== undefined);
  return `${[code, ...facts].join(', ')}: ${message}`;
}

/** As PS3.4 writes it: `C122H`. */
export function failureReasonWords(failureReason: number): string {
  return `${failureReason.toString(16).toUpperCase().padStart(4, '0')}H`;
}

/** Rows under one another; the last column is as long as it likes. `right` columns are numbers. */
export function tableText(
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number> = new Set(),
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          if (right.has(column)) return cell.padStart(width);
          return column === row.length - 1 ? cell : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
