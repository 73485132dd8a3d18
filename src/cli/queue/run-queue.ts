import type { Config } from '../../config/config.ts';
import { CommandError } from '../command-error.ts';
import { exitCodes } from '../print-error.ts';
import type { CommandIo } from '../terminal.ts';
import { dropEntries, requeue } from './change-queue.ts';
import type { Confirm } from './change-queue.ts';
import { exportEntries } from './export-entries.ts';
import { filterOf } from './find-entries.ts';
import { listQueue } from './list-queue.ts';
import { openQueue } from './open-queue.ts';
import type { OpenQueue } from './open-queue.ts';
import type { QueueOrder, Selection } from './queue-order.ts';
import { showEntry } from './show-entry.ts';

interface QueueCollaborators {
  readonly config: Config;
  readonly io: CommandIo;
  /** `undefined` where there is nobody to ask. */
  readonly confirm: Confirm | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets, for durations. */
  readonly clock: () => number;
}

/**
 * `drawbridge queue …`, on the bridge that runs or on the spool of one that does not.
 *
 * @returns the exit code.
 */
export async function runQueue(
  order: QueueOrder,
  collaborators: QueueCollaborators,
): Promise<number> {
  const open = await openQueue(collaborators.config);
  try {
    return await carryOut(order, open, collaborators);
  } finally {
    await open.close();
  }
}

async function carryOut(
  order: QueueOrder,
  open: OpenQueue,
  { io, confirm, now, clock }: QueueCollaborators,
): Promise<number> {
  const { json } = order;
  const filter = (selection: Selection) => filterOf(selection, { queue: open.queue, now: now() });
  switch (order.kind) {
    case 'list':
      await listQueue(await filter(order.selection), {
        ...{ open, json, io },
        limit: order.limit,
        now: now(),
      });
      return exitCodes.fine;
    case 'show':
      await showEntry(order.id, { open, json, io, now: now() });
      return exitCodes.fine;
    case 'retry':
    case 'replay':
      await requeue(order.kind, await filter(order.selection), { open, json, io });
      return exitCodes.fine;
    case 'drop':
      return dropEntries(await filter(order.selection), {
        ...{ open, json, io, confirm },
        yes: order.yes,
        now: now(),
      });
    case 'export':
      return exportEntries(await filter(order.selection), {
        ...{ open, json, io, clock },
        folder: order.folder,
      });
    case 'pause':
    case 'resume':
      await setPause(order, open, io);
      return exitCodes.fine;
  }
}

async function setPause(
  { kind, destination, json }: Extract<QueueOrder, { readonly kind: 'pause' | 'resume' }>,
  open: OpenQueue,
  io: CommandIo,
): Promise<void> {
  const destinations = await open.destinations();
  const meant = destination ?? (destinations.length === 1 ? destinations[0] : undefined);
  if (meant === undefined || !destinations.includes(meant)) {
    throw new CommandError(`say which archive: ${destinations.join(', ')}`);
  }
  await open.queue[kind](meant);
  if (json) io.stdout.write(`${JSON.stringify({ paused: await open.paused() }, null, 2)}\n`);
  else if (kind === 'pause') {
    io.stdout.write(
      `Nothing more is sent to ${meant} until "drawbridge queue resume"; objects are still taken.\n`,
    );
  } else io.stdout.write(`Objects are sent to ${meant} again.\n`);
}
