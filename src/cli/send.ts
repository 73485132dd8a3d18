import { sendObjects } from '../dimse/store-user.ts';
import type { SendResult } from '../dimse/store-user.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { formatStatus } from '../translate/c-store-status.ts';
import { CommandError } from './command-error.ts';
import { deal } from './deal.ts';
import { formatDestination } from './destination.ts';
import { dimseTarget } from './dimse-target.ts';
import { readFileToSend } from './file-to-send.ts';
import type { FileToSend } from './file-to-send.ts';
import { findDicomFiles } from './find-dicom-files.ts';
import { exitCodes } from './print-error.ts';
import { ProgressBar } from './progress-bar.ts';
import type { SendOptions } from './program.ts';
import type { CommandIo } from './terminal.ts';
import { printable } from './terminal.ts';

interface Failure {
  readonly path: string;
  readonly reason: string;
}

type FileResult =
  | SendResult
  /** The association was over before its turn came. */
  | { readonly kind: 'not-sent'; readonly reason: string };

/**
 * `drawbridge send`: files and folders by C-STORE, on one association or several at once.
 *
 * @returns 0 only when the peer took every DICOM object that was found.
 */
export async function send(
  options: SendOptions,
  { io, now }: { readonly io: CommandIo; readonly now: () => number },
): Promise<number> {
  const { files, failures, skipped } = await gather(options.paths);
  if (files.length + failures.length === 0) {
    throw new CommandError(
      'there is no DICOM object to send: none of the files has a Part 10 header',
    );
  }
  const total = { objects: files.length, bytes: sumBytes(files) };
  const bar = new ProgressBar({ output: io.stderr, total, now });
  const begun = now();
  const stored: FileToSend[] = [];
  let answered = { objects: 0, bytes: 0 };
  const onResult = (file: FileToSend, result: FileResult): void => {
    const reason = describeFailure(file, result);
    if (reason === undefined) stored.push(file);
    else failures.push({ path: file.path, reason });
    answered = { objects: answered.objects + 1, bytes: answered.bytes + file.bytes };
    bar.update(answered);
  };
  await Promise.all(
    deal(files, options.associations).map((hand) => sendHand(hand, options, onResult)),
  );
  bar.finish();

  const summary = {
    destination: formatDestination(options.destination),
    sent: stored.length,
    failed: failures.length,
    skipped,
    bytes: sumBytes(stored),
    seconds: Math.round(now() - begun) / 1000,
    failures,
  };
  if (options.json) io.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
  else printSummary(summary, io);
  return failures.length === 0 ? exitCodes.fine : exitCodes.failed;
}

async function gather(paths: readonly string[]): Promise<{
  readonly files: readonly FileToSend[];
  readonly failures: Failure[];
  readonly skipped: number;
}> {
  const found = await findDicomFiles(paths);
  const failures: Failure[] = found.unreadable.map((path) => ({ path, reason: 'cannot be read' }));
  const files: FileToSend[] = [];
  for (const file of found.files) {
    const readable = await readFileToSend(file);
    if (readable === undefined) {
      failures.push({ path: file.path, reason: 'does not say which object it is' });
    } else files.push(readable);
  }
  return { files, failures, skipped: found.skipped };
}

/** Sends one association's share; when the association breaks, what is left of it has failed. */
async function sendHand(
  files: readonly FileToSend[],
  { destination, callingAeTitle }: SendOptions,
  onResult: (file: FileToSend, result: FileResult) => void,
): Promise<void> {
  let answered = 0;
  try {
    await sendObjects(dimseTarget(destination, callingAeTitle), files, (file, result) => {
      answered += 1;
      onResult(file, result);
    });
  } catch (error) {
    if (!(error instanceof BridgeError)) throw error;
    for (const file of files.slice(answered)) {
      onResult(file, { kind: 'not-sent', reason: error.message });
    }
  }
}

function describeFailure(file: FileToSend, result: FileResult): string | undefined {
  switch (result.kind) {
    case 'stored':
      return undefined;
    case 'refused':
      return `refused with ${formatStatus(result.status)}${result.errorComment === undefined ? '' : `: ${result.errorComment}`}`;
    case 'no-context':
      return `the peer does not take SOP class ${file.sopClassUid} in transfer syntax ${file.transferSyntaxUid}`;
    case 'not-sent':
      return result.reason;
  }
}

/** Of the files that share a reason. */
const mostShown = 5;

function printSummary(
  summary: {
    readonly destination: string;
    readonly sent: number;
    readonly failed: number;
    readonly skipped: number;
    readonly failures: readonly Failure[];
  },
  { stdout, stderr }: CommandIo,
): void {
  const byReason = new Map<string, string[]>();
  for (const { path, reason } of summary.failures) {
    byReason.set(reason, [...(byReason.get(reason) ?? []), path]);
  }
  for (const [reason, paths] of byReason) {
    stderr.write(`${printable(reason)}\n`);
    for (const path of paths.slice(0, mostShown)) stderr.write(`  ${printable(path)}\n`);
    if (paths.length > mostShown) stderr.write(`  and ${paths.length - mostShown} more\n`);
  }
  stdout.write(
    `${summary.destination} took ${summary.sent} objects, ${summary.failed} failed, ${summary.skipped} files were no DICOM objects\n`,
  );
}

function sumBytes(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
