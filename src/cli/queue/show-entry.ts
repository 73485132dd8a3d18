import type { EntryDetails } from '../../spool/queue-desk.ts';
import { CommandError } from '../command-error.ts';
import type { CommandIo } from '../terminal.ts';
import { printable } from '../terminal.ts';
import { wholeId } from './find-entries.ts';
import { entryAsJson } from './list-queue.ts';
import type { OpenQueue } from './open-queue.ts';
import { ageWords, failureReasonWords, sizeWords, standingWords, tableText } from './words.ts';

/** `drawbridge queue show`: all that is known of one entry but whose it is. */
export async function showEntry(
  given: string,
  options: {
    readonly open: OpenQueue;
    readonly json: boolean;
    readonly io: CommandIo;
    readonly now: number;
  },
): Promise<void> {
  const { open, json, io, now } = options;
  const details = await open.queue.show(await wholeId(given, open.queue));
  if (details === undefined) throw new CommandError(`entry ${given} has left the queue meanwhile`);
  if (json) io.stdout.write(`${JSON.stringify(entryAsJson(details), null, 2)}\n`);
  else io.stdout.write(detailsText(details, now));
}

function detailsText(entry: EntryDetails, now: number): string {
  const { reason } = entry;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['entry', entry.id],
    ['state', entry.urgent ? `${entry.state}, urgent` : entry.state],
    ['archive', entry.destination],
    [
      'arrived',
      `${new Date(entry.arrivedAt).toISOString()} (${ageWords(now - entry.arrivedAt)} ago)`,
    ],
    ['size', `${sizeWords(entry.bytes)} (${entry.bytes} bytes)`],
    ['reason', standingWords(entry, now) || undefined],
    ['HTTP status', reason?.httpStatus?.toString()],
    [
      'failure reason',
      reason?.failureReason === undefined ? undefined : failureReasonWords(reason.failureReason),
    ],
    ['attempts', reason?.attempts.toString()],
    ['set aside', reason?.setAsideAt],
    ['answer', reason?.answer === undefined ? undefined : JSON.stringify(reason.answer)],
    ['study', entry.studyInstanceUid],
    ['series', entry.seriesInstanceUid],
    ['SOP instance', entry.sopInstanceUid],
    ['SOP class', entry.sopClassUid],
    ['transfer syntax', entry.transferSyntaxUid],
    ['modality', entry.modality],
    ['from', entry.callingAeTitle],
    ['to', entry.calledAeTitle],
    ['association', entry.association],
  ];
  return tableText(
    rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, printable(value)]])),
  );
}
