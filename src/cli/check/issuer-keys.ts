import { metadataUrls } from '../../oauth/issuer-metadata.ts';
import { issuerEndpoint, wayOf } from './endpoint.ts';
import { httpExchange } from './http-exchange.ts';
import { failed, ok } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import type { World } from './world.ts';

const variable = 'DRAWBRIDGE_OIDC_ISSUER';

/** Whether tokens of the issuer can be checked: what it calls itself, and its keys. */
export const issuerKeys: Probe = {
  id: 'issuer.keys',
  title: 'Keys',
  needs: ['issuer.dns', 'issuer.tcp', 'issuer.tls'],
  run: async (world, signal) => {
    const url = issuerEndpoint.urlOf(world);
    const { oidc } = world.config.access;
    if (!(url instanceof URL) || oidc === undefined) return url as Finding;
    if (oidc.jwksUrl !== undefined) return lookAtKeys(oidc.jwksUrl, world, signal);
    const metadata = await readMetadata(oidc.issuer, world, signal);
    if (metadata === undefined) {
      return failed(
        `${oidc.issuer} gives no metadata.`,
        `Check ${variable}, or set DRAWBRIDGE_OIDC_JWKS_URL to where its keys are.`,
      );
    }
    const { issuer: name, jwks_uri: keys } = metadata;
    if (name !== oidc.issuer) {
      return failed(
        `The issuer calls itself ${JSON.stringify(name)}, and its tokens do so too.`,
        `Set ${variable} to that, to the last slash.`,
      );
    }
    if (typeof keys === 'string' && URL.canParse(keys)) return lookAtKeys(keys, world, signal);
    return failed('Its metadata name no key set.', 'Set DRAWBRIDGE_OIDC_JWKS_URL.');
  },
};

async function readMetadata(
  issuer: string,
  world: World,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  for (const address of metadataUrls(issuer)) {
    const metadata = await readJson(address, world, signal);
    if (metadata !== undefined) return metadata;
  }
  return undefined;
}

async function lookAtKeys(address: string, world: World, signal: AbortSignal): Promise<Finding> {
  const found = await readJson(address, world, signal);
  const keys = found?.['keys'];
  if (!Array.isArray(keys) || keys.length === 0) {
    return failed(`There are no keys at ${address}.`, 'Check DRAWBRIDGE_OIDC_JWKS_URL.');
  }
  return ok(`${keys.length === 1 ? 'One key' : `${keys.length} keys`} at ${address}.`, {
    keys: keys.length,
  });
}

async function readJson(
  address: string,
  world: World,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { status, body = '' } = await httpExchange(new URL(address), wayOf(world), { signal });
  try {
    const value: unknown = status === 200 ? JSON.parse(body) : undefined;
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
