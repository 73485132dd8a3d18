import { startBridge } from '../../../src/bridge.ts';
import { localTokensFolder } from '../../../src/compose/authenticator.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { openLocalTokens } from '../../../src/oauth/open-authenticator.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { temporaryFolder } from '../../peers/peer.ts';
import type { Peer } from '../../peers/peer.ts';
import { faultsOfAnswer } from '../../support/openapi.ts';
import type { DescribedOperation } from '../../support/openapi.ts';

/** What to ask beside what the operation says. */
export interface Question {
  /** Values for the variable segments of the path. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Scopes of the token; none at all when empty. Reading and writing unless told. */
  readonly scopes?: readonly ('read' | 'write')[];
}

/** What came, held against the description. */
export interface DescribedAnswer {
  readonly status: number;
  readonly mediaType: string;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Where it is not as described. */
  readonly faults: readonly string[];
}

/** A front that is asked for what its description says. */
export interface DescribedFront extends Peer {
  ask(operation: DescribedOperation, question?: Question): Promise<DescribedAnswer>;
}

/** @param settings - `DRAWBRIDGE_…` variables without their prefix. */
export async function startDescribedFront(
  settings: Readonly<Record<string, string>> = {},
): Promise<DescribedFront> {
  const folder = await temporaryFolder('front');
  const environment = {
    DATA_DIR: folder.path,
    DIMSE_PORT: 'off',
    OPS_PORT: 'off',
    HTTP_PORT: '0',
    SPOOL_MIN_FREE: '1MiB',
    ...settings,
  };
  const { config } = loadConfig(
    Object.fromEntries(Object.entries(environment).map(([k, v]) => [`DRAWBRIDGE_${k}`, v])),
    { readFile: () => '' },
  );
  const bridge = await startBridge(config, silentLogger);
  const tokens = await openLocalTokens(localTokensFolder(folder.path), Date.now);
  const tokenFor = async (scopes: readonly ('read' | 'write')[]): Promise<string> => {
    const expiresAt = Date.now() + 600_000;
    const { token } = await tokens.create({ subject: 'test', scopes, expiresAt });
    return token;
  };
  const both = await tokenFor(['read', 'write']);
  const stop = async (): Promise<void> => {
    await bridge.stop();
    await folder.remove();
  };
  return {
    ask: async (operation, question = {}) => {
      const { path = {}, query = '', headers = {}, body, scopes } = question;
      const place = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => path[name] ?? '');
      const token = scopes === undefined ? both : scopes.length > 0 && (await tokenFor(scopes));
      const answer = await fetch(`http://127.0.0.1:${bridge.ports.http}${place}${query}`, {
        method: operation.method.toUpperCase(),
        headers: { ...(token !== false && { Authorization: `Bearer ${token}` }), ...headers },
        ...(body && { body: Uint8Array.from(body) }),
      });
      const came = {
        status: answer.status,
        mediaType: answer.headers.get('content-type') ?? '',
        headers: answer.headers,
        body: Buffer.from(await answer.arrayBuffer()),
      };
      return { ...came, faults: faultsOfAnswer(operation, came) };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
