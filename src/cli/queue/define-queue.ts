import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { entryStates } from '../../spool/queue-desk.ts';
import type { EntryState } from '../../spool/queue-desk.ts';
import { parseAgo, parseMoment } from './moment.ts';
import type { Moment } from './moment.ts';
import type { QueueOrder, Selection } from './queue-order.ts';

type Action = (order: QueueOrder) => Promise<void>;

/** The group of commands that shows and steers the queue. */
export function defineQueue(program: Command, action: Action): void {
  const queue = program
    .command('queue')
    .description('see and steer what waits for the archive, on a bridge that runs or is stopped')
    .helpCommand(false)
    .addHelpText('after', groupHelp);
  defineList(queue, action);
  defineShow(queue, action);
  defineChanges(queue, action);
  defineDrop(queue, action);
  defineExport(queue, action);
  definePauses(queue, action);
}

const groupHelp = `
The commands find the bridge by DRAWBRIDGE_DATA_DIR: run them with its environment, as its user.
When none runs they open the spool themselves, and no bridge can start until they are done.

Examples:
  $ drawbridge queue list
  $ drawbridge queue list --state failed --json
  $ drawbridge queue show 1763728707123-0000001a
  $ drawbridge queue retry --state failed --since 2h
  $ drawbridge queue replay --since 2026-11-20T18:00
  $ drawbridge queue drop --study 1.2.840.99999.1 --state failed
  $ drawbridge queue export rescue/ --state failed
  $ drawbridge queue pause`;

function defineList(queue: Command, action: Action): void {
  filtered(
    queue
      .command('list')
      .description('how much waits, where and why, and the oldest entries')
      .option('--limit <number>', 'how many entries to print at most', limitArgument, 20),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  $ drawbridge queue list\n  $ drawbridge queue list --state failed,delayed --older-than 2h --limit 100\n  $ drawbridge queue list --json | jq .secondsToEmpty',
    )
    .action((ids: string[], flags: FilterFlags & { readonly limit: number }) =>
      action({
        kind: 'list',
        selection: selectionOf(ids, flags),
        limit: flags.limit,
        json: flags.json,
      }),
    );
}

function defineShow(queue: Command, action: Action): void {
  queue
    .command('show')
    .description('all that is known of one entry; never who the patient is')
    .argument('<id>', 'the entry, as the list prints it')
    .option('--json', 'as JSON', false)
    .addHelpText('after', '\nExample:\n  $ drawbridge queue show 1763728707123-0000001a')
    .action((id: string, { json }: { readonly json: boolean }) =>
      action({ kind: 'show', id, json }),
    );
}

function defineChanges(queue: Command, action: Action): void {
  for (const [kind, description, example] of [
    [
      'retry',
      'send failed entries again, and delayed ones now',
      'drawbridge queue retry --state failed',
    ],
    [
      'replay',
      'send delivered objects once more (as long as DRAWBRIDGE_SPOOL_KEEP keeps them)',
      'drawbridge queue replay --since 24h',
    ],
  ] as const) {
    ordering(queue.command(kind).description(description))
      .addHelpText('after', `\nExamples:\n  $ ${example}\n  $ drawbridge queue ${kind} --all`)
      .action((ids: string[], flags: OrderFlags, command: Command) =>
        action({ kind, selection: meantSelection(ids, flags, command), json: flags.json }),
      );
  }
}

function defineDrop(queue: Command, action: Action): void {
  ordering(
    queue
      .command('drop')
      .description('remove entries for good; what is being sent stays. Asks first')
      .option('--yes', 'do not ask', false),
  )
    .addHelpText(
      'after',
      '\nDropped objects are gone from here: think of "drawbridge queue export" first.\n\nExamples:\n  $ drawbridge queue drop --state failed --older-than 30d\n  $ drawbridge queue drop 1763728707123-0000001a --yes',
    )
    .action((ids: string[], flags: OrderFlags & { readonly yes: boolean }, command: Command) =>
      action({
        kind: 'drop',
        selection: meantSelection(ids, flags, command),
        yes: flags.yes,
        json: flags.json,
      }),
    );
}

function defineExport(queue: Command, action: Action): void {
  filtered(
    queue
      .command('export')
      .description('copy entries as SOP-INSTANCE-UID.dcm; never overwrites, changes nothing')
      .argument('<folder>', 'where to; made when missing'),
  )
    .addHelpText(
      'after',
      '\nThe files hold patient data.\n\nExample:\n  $ drawbridge queue export rescue/ --state failed',
    )
    .action((folder: string, ids: string[], flags: FilterFlags) =>
      action({ kind: 'export', folder, selection: selectionOf(ids, flags), json: flags.json }),
    );
}

function definePauses(queue: Command, action: Action): void {
  for (const [kind, description] of [
    ['pause', 'send nothing more until resume, after a restart neither; objects are still taken'],
    ['resume', 'go on sending after pause'],
  ] as const) {
    queue
      .command(kind)
      .description(description)
      .argument('[destination]', 'which archive, when there are several')
      .option('--json', 'as JSON', false)
      .addHelpText('after', `\nExample:\n  $ drawbridge queue ${kind}`)
      .action((destination: string | undefined, { json }: { readonly json: boolean }) =>
        action({ kind, destination, json }),
      );
  }
}

interface FilterFlags {
  readonly destination?: string;
  readonly study?: Uid;
  readonly olderThan?: Moment;
  readonly since?: Moment;
  readonly state?: readonly EntryState[];
  readonly json: boolean;
}

interface OrderFlags extends FilterFlags {
  readonly all: boolean;
}

function filtered(command: Command): Command {
  return command
    .argument('[ids...]', 'only these entries, as the list prints them')
    .option('--destination <name>', 'only what is for this archive')
    .addOption(new Option('--study <uid>', 'only this Study Instance UID').argParser(uidArgument))
    .addOption(
      new Option('--state <states>', `only these: ${entryStates.join(', ')}`).argParser(
        statesArgument,
      ),
    )
    .addOption(
      new Option('--older-than <age>', 'only what arrived longer ago: 30m, 2h, 7d').argParser(
        agoArgument,
      ),
    )
    .addOption(
      new Option(
        '--since <when>',
        'only what arrived since: 2h, or 2026-11-20T18:00 (local time)',
      ).argParser(momentArgument),
    )
    .option('--json', 'as JSON', false);
}

function ordering(command: Command): Command {
  return filtered(command).option(
    '--all',
    'everything; needed when nothing else says which',
    false,
  );
}

/** A command that changes something has to be told to what. */
function meantSelection(ids: readonly string[], flags: OrderFlags, command: Command): Selection {
  const selection = selectionOf(ids, flags);
  const isFiltered = Object.keys(selection).length > 0;
  if (!isFiltered && !flags.all) {
    command.error('error: say which entries: by id, by a filter such as --state, or --all');
  }
  if (isFiltered && flags.all) command.error('error: --all and a filter contradict each other');
  return selection;
}

function selectionOf(ids: readonly string[], flags: FilterFlags): Selection {
  const { destination, study, state, olderThan, since } = flags;
  return {
    ...(ids.length > 0 && { ids }),
    ...(destination !== undefined && { destination }),
    ...(study !== undefined && { study }),
    ...(state !== undefined && { states: state }),
    ...(olderThan !== undefined && { olderThan }),
    ...(since !== undefined && { since }),
  };
}

function uidArgument(text: string): Uid {
  const uid = parseUid(text);
  if (uid === undefined) throw new InvalidArgumentError('It must be a UID: digits and dots.');
  return uid;
}

function statesArgument(text: string): readonly EntryState[] {
  const found = text.split(',').map((word) => entryStates.find((state) => state === word.trim()));
  if (found.every((state) => state !== undefined)) return found;
  throw new InvalidArgumentError(`It must be of: ${entryStates.join(', ')}.`);
}

function agoArgument(text: string): Moment {
  const moment = parseAgo(text);
  if (moment === undefined) throw new InvalidArgumentError('It must look like 30m, 2h or 7d.');
  return moment;
}

function momentArgument(text: string): Moment {
  const moment = parseMoment(text);
  if (moment === undefined) {
    throw new InvalidArgumentError('It must look like 2h, 2026-11-20 or 2026-11-20T18:00.');
  }
  return moment;
}

function limitArgument(text: string): number {
  const limit = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  if (limit >= 1 && limit <= 10_000) return limit;
  throw new InvalidArgumentError('It must be a whole number from 1 to 10000.');
}
