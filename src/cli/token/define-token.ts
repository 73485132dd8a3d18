import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { parseAgo } from '../queue/moment.ts';
import { tokenScopes } from './token-order.ts';
import type { TokenOrder } from './token-order.ts';

type Action = (order: TokenOrder) => Promise<void>;

/** The group of commands that makes and ends access tokens of this bridge. */
export function defineToken(program: Command, action: Action): void {
  const token = program
    .command('token')
    .description('make, list and revoke access tokens for the HTTP front')
    .helpCommand(false)
    .addHelpText('after', groupHelp);
  defineCreate(token, action);
  token
    .command('list')
    .description('the tokens that were made, newest first; never the tokens themselves')
    .option('--json', 'as JSON', false)
    .addHelpText('after', '\nExample:\n  $ drawbridge token list')
    .action(({ json }: { readonly json: boolean }) => action({ kind: 'list', json }));
  token
    .command('revoke')
    .description('end a token for good; a bridge that runs refuses it within a second')
    .argument('<id>', 'the token, as the list prints it')
    .option('--json', 'as JSON', false)
    .addHelpText(
      'after',
      '\nExample:\n  $ drawbridge token revoke 5f0c4a52-7f0e-4d0a-9a57-0d1f6b1f3c7e',
    )
    .action((id: string, { json }: { readonly json: boolean }) =>
      action({ kind: 'revoke', id, json }),
    );
}

const groupHelp = `
For sites without an identity provider, and for scripts. The bridge accepts these tokens when
DRAWBRIDGE_HTTP_AUTH has local. The commands find it by DRAWBRIDGE_DATA_DIR: run them with its
environment, as its user, while it runs or before.

Examples:
  $ TOKEN=$(drawbridge token create --scope read --expires 8h --name "Dr Grey")
  $ curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8080/dicom-web/studies
  $ drawbridge token create --scope read,write --study 1.2.840.99999.1 --study 1.2.840.99999.2
  $ drawbridge token list
  $ drawbridge token revoke 5f0c4a52-7f0e-4d0a-9a57-0d1f6b1f3c7e`;

interface CreateFlags {
  readonly scope: Extract<TokenOrder, { readonly kind: 'create' }>['scopes'];
  readonly study: readonly Uid[];
  readonly tenant?: string;
  readonly name: string;
  readonly expires: number;
  readonly json: boolean;
}

function defineCreate(token: Command, action: Action): void {
  token
    .command('create')
    .description('make a token and print it; it cannot be shown again')
    .addOption(
      new Option('--scope <scopes>', 'what it allows: read, write, or read,write')
        .argParser(scopesArgument)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--study <uid>', 'limit it to this Study Instance UID; may be repeated')
        .argParser(studiesArgument)
        .default([], 'every study'),
    )
    .addOption(
      new Option(
        '--tenant <name>',
        'the tenant it belongs to; this version has none, and refuses such tokens',
      ).argParser(nameArgument),
    )
    .addOption(
      new Option('--name <who>', 'who is to use it, for the list and the log')
        .argParser(nameArgument)
        .default('operator'),
    )
    .addOption(
      new Option('--expires <duration>', 'how long it is good: 30m, 8h, 90d')
        .argParser(lifetimeArgument)
        .default(lifetimeArgument('1h'), '1h'),
    )
    .option('--json', 'the token with all that is known of it, as JSON', false)
    .addHelpText(
      'after',
      '\nOnly the token goes to standard output.\n\nExample:\n  $ TOKEN=$(drawbridge token create --scope read --expires 8h)',
    )
    .action(({ scope, study, tenant, name, expires, json }: CreateFlags) =>
      action({
        kind: 'create',
        ...{ scopes: scope, studies: study, tenant },
        ...{ subject: name, lifetimeMs: expires, json },
      }),
    );
}

function scopesArgument(text: string): CreateFlags['scope'] {
  const found = text.split(',').map((word) => tokenScopes.find((scope) => scope === word.trim()));
  if (found.every((scope) => scope !== undefined)) return [...new Set(found)];
  throw new InvalidArgumentError('It must be read, write, or read,write.');
}

function studiesArgument(text: string, before: readonly Uid[]): readonly Uid[] {
  const uid = parseUid(text);
  if (uid === undefined) throw new InvalidArgumentError('It must be a UID: digits and dots.');
  return [...before, uid];
}

/** What log lines can show as it stands. */
function nameArgument(text: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 64 printable ASCII characters.');
}

const longestMs = 366 * 24 * 3_600_000;

function lifetimeArgument(text: string): number {
  const moment = parseAgo(text);
  const lifetimeMs = moment !== undefined && 'agoMs' in moment ? moment.agoMs : 0;
  if (lifetimeMs < 1_000 || lifetimeMs > longestMs) {
    throw new InvalidArgumentError('It must look like 30m, 8h or 90d, and be a year at most.');
  }
  return lifetimeMs;
}
