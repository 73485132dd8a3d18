import type { QueueEffect, QueueFilter } from '../../spool/queue-desk.ts';
import { exitCodes } from '../print-error.ts';
import type { CommandIo } from '../terminal.ts';
import type { OpenQueue } from './open-queue.ts';
import { objectWords, sizeWords } from './words.ts';

/** Puts a question to the person at the terminal. */
export type Confirm = (question: string) => Promise<boolean>;

interface ChangeOptions {
  readonly open: OpenQueue;
  readonly json: boolean;
  readonly io: CommandIo;
}

/** `drawbridge queue retry` and `replay`. */
export async function requeue(
  kind: 'retry' | 'replay',
  filter: QueueFilter,
  { open, json, io }: ChangeOptions,
): Promise<void> {
  const effect = await open.queue[kind](filter);
  if (json) {
    printJson(effect, io);
    return;
  }
  const { entries, bytes, busy } = effect;
  if (entries + busy === 0) {
    io.stdout.write(
      kind === 'retry'
        ? 'Nothing to send again: the filter meets no failed or delayed entry.\n'
        : 'Nothing to replay: no delivered object that the filter meets is kept (DRAWBRIDGE_SPOOL_KEEP).\n',
    );
    return;
  }
  const isSentNow = (await open.status()) !== undefined;
  const when = isSentNow ? 'due to be sent now' : 'to be sent when a bridge runs';
  io.stdout.write(`${objectWords(entries)} (${sizeWords(bytes)}): ${when}.\n`);
  sayBusy(busy, io);
}

/**
 * `drawbridge queue drop`: tells what would go, asks, and removes it.
 *
 * @param confirm - `undefined` where there is nobody to ask.
 * @returns the exit code.
 */
export async function dropEntries(
  filter: QueueFilter,
  options: ChangeOptions & {
    readonly yes: boolean;
    readonly confirm: Confirm | undefined;
    readonly now: number;
  },
): Promise<number> {
  const { open, json, io, yes, confirm, now } = options;
  if (yes) {
    report(await open.queue.drop(filter), json, io);
    return exitCodes.fine;
  }
  // What arrives while the person thinks was not asked about.
  const asked = { ...filter, arrivedUntil: Math.min(filter.arrivedUntil ?? now, now) };
  const { total, totalBytes } = await open.queue.list(asked, { limit: 1, offset: 0 });
  const what = `${objectWords(total)} (${sizeWords(totalBytes)})`;
  if (confirm === undefined) {
    io.stderr.write(
      `drawbridge: this would remove ${what} for good, and there is no terminal to ask on: say --yes to do it\n`,
    );
    return exitCodes.usage;
  }
  if (total === 0) {
    if (json) printJson({ entries: 0, bytes: 0, busy: 0 }, io);
    else io.stdout.write('Nothing to drop: the filter meets no entry.\n');
    return exitCodes.fine;
  }
  if (!(await confirm(`Remove ${what} for good? The archive will not get them. [y/N] `))) {
    io.stderr.write('Nothing was removed.\n');
    return exitCodes.failed;
  }
  report(await open.queue.drop(asked), json, io);
  return exitCodes.fine;
}

function report(effect: QueueEffect, json: boolean, io: CommandIo): void {
  if (json) {
    printJson(effect, io);
    return;
  }
  io.stdout.write(`${objectWords(effect.entries)} (${sizeWords(effect.bytes)}) removed.\n`);
  sayBusy(effect.busy, io);
}

function sayBusy(busy: number, io: CommandIo): void {
  if (busy > 0) {
    io.stdout.write(`${objectWords(busy)} left alone: being sent at this moment.\n`);
  }
}

function printJson(effect: QueueEffect, io: CommandIo): void {
  io.stdout.write(`${JSON.stringify(effect, null, 2)}\n`);
}
