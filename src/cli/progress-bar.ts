import type { TerminalOutput } from './terminal.ts';

/** How far it is. */
export interface Progress {
  readonly objects: number;
  readonly bytes: number;
}

interface ProgressBarOptions {
  readonly output: TerminalOutput;
  readonly total: Progress;
  readonly now: () => number;
}

/**
 * Shows how far a transfer is: on a terminal one line that is drawn over, elsewhere (a log, a pipe)
 * a plain line every few seconds. It has no timer; it draws when it is told something.
 */
export class ProgressBar {
  readonly #output: TerminalOutput;
  readonly #total: Progress;
  readonly #now: () => number;
  readonly #startedAt: number;
  #drawnAt: number;
  #latest: Progress = { objects: 0, bytes: 0 };

  constructor({ output, total, now }: ProgressBarOptions) {
    this.#output = output;
    this.#total = total;
    this.#now = now;
    this.#startedAt = now();
    // On a terminal the first line comes at once, in a log only when it takes longer.
    this.#drawnAt = output.isTTY === true ? -Infinity : this.#startedAt;
  }

  /** @param progress - what is done since the beginning, not since the last call. */
  update(progress: Progress): void {
    this.#latest = progress;
    const interval = this.#output.isTTY === true ? redrawMs : lineMs;
    if (this.#now() - this.#drawnAt >= interval) this.#draw();
  }

  /** Draws the last state and leaves the line. */
  finish(): void {
    this.#draw();
    if (this.#output.isTTY === true) this.#output.write('\n');
  }

  /** Removes the line, so that something else can be printed; the next update draws it again. */
  clear(): void {
    if (this.#output.isTTY === true) this.#output.write(eraseLine);
    this.#drawnAt = -Infinity;
  }

  #draw(): void {
    this.#drawnAt = this.#now();
    const text = describeProgress(this.#latest, this.#total, this.#drawnAt - this.#startedAt);
    if (this.#output.isTTY !== true) {
      this.#output.write(`${text}\n`);
      return;
    }
    const columns = this.#output.columns ?? 80;
    const barWidth = Math.min(30, columns - text.length - 4);
    const bar = barWidth < 5 ? '' : `${drawBar(share(this.#latest, this.#total), barWidth)} `;
    // One column stays free: some terminals wrap when the last one is written.
    this.#output.write(eraseLine + `${bar}${text}`.slice(0, columns - 1));
  }
}

const redrawMs = 100;
const lineMs = 5_000;
const eraseLine = '\r\u001b[2K';

/** One line: objects, bytes, rate, and how long it will still take. */
export function describeProgress(done: Progress, total: Progress, elapsedMs: number): string {
  const bytesPerSecond = elapsedMs > 0 ? (done.bytes / elapsedMs) * 1_000 : 0;
  const remainingBytes = Math.max(0, total.bytes - done.bytes);
  const etaSeconds = bytesPerSecond > 0 ? Math.ceil(remainingBytes / bytesPerSecond) : undefined;
  const isDone = done.objects >= total.objects;
  return [
    `${done.objects}/${total.objects} objects`,
    `${megabytes(done.bytes)}/${megabytes(total.bytes)} MB`,
    `${megabytes(bytesPerSecond)} MB/s`,
    isDone
      ? `in ${clock(Math.round(elapsedMs / 1_000))}`
      : `ETA ${etaSeconds === undefined ? '?' : clock(etaSeconds)}`,
  ].join('  ');
}

function share(done: Progress, total: Progress): number {
  const part = total.bytes > 0 ? done.bytes / total.bytes : done.objects / (total.objects || 1);
  return Math.min(1, Math.max(0, part));
}

function drawBar(part: number, width: number): string {
  const filled = Math.floor(part * width);
  return `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}

function clock(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  const tail = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}
