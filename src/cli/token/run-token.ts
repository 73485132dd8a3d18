import { localTokensFolder } from '../../compose/authenticator.ts';
import type { Config } from '../../config/config.ts';
import type { ListedToken, LocalTokenRecord } from '../../oauth/local-token-records.ts';
import type { LocalTokens } from '../../oauth/local-tokens.ts';
import { openLocalTokens } from '../../oauth/open-authenticator.ts';
import { CommandError } from '../command-error.ts';
import { notPermitted } from '../control-client.ts';
import { exitCodes } from '../print-error.ts';
import { ageWords, tableText } from '../queue/words.ts';
import type { CommandIo } from '../terminal.ts';
import { userIdOf } from '../user-id-of.ts';
import type { TokenOrder } from './token-order.ts';

interface TokenCollaborators {
  readonly config: Config;
  readonly io: CommandIo;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * `drawbridge token …`, in the folder of a bridge that runs or is stopped: it finds there what was
 * done without being told.
 *
 * @returns the exit code.
 */
export async function runToken(
  order: TokenOrder,
  { config, io, now }: TokenCollaborators,
): Promise<number> {
  const tokens = await openTokens(config, now);
  switch (order.kind) {
    case 'create':
      await createToken(order, { tokens, config, io, now });
      return exitCodes.fine;
    case 'list':
      listTokens(await tokens.list(), { json: order.json, io, now: now() });
      return exitCodes.fine;
    case 'revoke':
      await revokeToken(order, { tokens, io });
      return exitCodes.fine;
  }
}

async function openTokens({ dataDir }: Config, now: () => number): Promise<LocalTokens> {
  const folder = localTokensFolder(dataDir);
  // What another user leaves there, the bridge could not read.
  const owner = userIdOf(folder) ?? userIdOf(dataDir);
  if (owner !== undefined && owner !== process.getuid?.()) throw notPermitted(dataDir);
  try {
    return await openLocalTokens(folder, now);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    throw new CommandError(`cannot use ${folder} (${code}): see to DRAWBRIDGE_DATA_DIR`);
  }
}

async function createToken(
  order: Extract<TokenOrder, { readonly kind: 'create' }>,
  site: TokenCollaborators & { readonly tokens: LocalTokens },
): Promise<void> {
  const { tokens, config, io, now } = site;
  if (!config.access.local) {
    throw new CommandError(
      'the bridge would refuse the token: DRAWBRIDGE_HTTP_AUTH does not have local',
    );
  }
  const { scopes, studies, tenant, subject, lifetimeMs } = order;
  const { token, record } = await tokens.create({
    ...{ subject, scopes, tenant },
    studies: studies.length > 0 ? studies : undefined,
    expiresAt: now() + lifetimeMs,
  });
  const shown = order.json ? JSON.stringify({ token, ...asJson(record) }, null, 2) : token;
  io.stdout.write(`${shown}\n`);
}

function listTokens(
  tokens: readonly ListedToken[],
  { json, io, now }: { readonly json: boolean; readonly io: CommandIo; readonly now: number },
): void {
  if (json) {
    const listed = tokens.map(({ state, ...record }) => ({ ...asJson(record), state }));
    io.stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
    return;
  }
  if (tokens.length === 0) {
    io.stdout.write('No tokens were made here.\n');
    return;
  }
  const rows = tokens.map(({ id, subject, scopes, studies, tenant, state, expiresAt }) => [
    id,
    subject,
    scopes.join(','),
    studies === undefined ? 'all' : String(studies.length),
    tenant ?? '',
    state === 'valid' ? `valid, ${ageWords(expiresAt - now)} left` : state,
  ]);
  io.stdout.write(tableText([['TOKEN', 'NAME', 'SCOPE', 'STUDIES', 'TENANT', 'STATE'], ...rows]));
}

async function revokeToken(
  { id, json }: Extract<TokenOrder, { readonly kind: 'revoke' }>,
  { tokens, io }: { readonly tokens: LocalTokens; readonly io: CommandIo },
): Promise<void> {
  if (!(await tokens.revoke(id))) {
    throw new CommandError('no such token was made here: "drawbridge token list" lists them');
  }
  const told = json ? JSON.stringify({ id, state: 'revoked' }, null, 2) : `${id} is revoked.`;
  io.stdout.write(`${told}\n`);
}

/** A record with times that people and scripts can read. */
function asJson({ createdAt, expiresAt, ...record }: LocalTokenRecord): object {
  return {
    ...record,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: new Date(expiresAt).toISOString(),
  };
}
