import { join } from 'node:path';
import type { AccessConfig } from '../config/access-config.ts';
import { openAuthenticator } from '../oauth/open-authenticator.ts';
import type { AuthenticatorOptions, OpenAuthenticator } from '../oauth/open-authenticator.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Way } from './authorization.ts';

/** Where the tokens of this bridge are kept. */
export function localTokensFolder(dataDir: string): string {
  return join(dataDir, 'tokens');
}

/**
 * Builds who finds out who calls the front; `undefined` where nobody is asked.
 *
 * @param site - `audience` is the public address of the DICOMweb root.
 */
export async function composeAuthenticator(
  { isOpen, oidc, local }: AccessConfig,
  site: {
    readonly audience: string;
    readonly dataDir: string;
    readonly allowPlaintext: boolean;
    readonly way: Way;
    readonly events: AuthenticatorOptions['events'];
    readonly log: Logger;
  },
): Promise<OpenAuthenticator | undefined> {
  if (isOpen) return undefined;
  const { audience, dataDir, allowPlaintext, way, events, log } = site;
  return openAuthenticator({
    oidc: oidc && {
      rules: { ...oidc, audiences: oidc.audiences ?? [audience] },
      algorithms: oidc.algorithms,
      jwksUrl: oidc.jwksUrl,
      allowPlaintext,
      introspection: oidc.introspection,
    },
    localFolder: local ? localTokensFolder(dataDir) : undefined,
    ...way,
    events,
    now: Date.now,
    log,
  });
}
