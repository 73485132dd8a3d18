import { startBridgeProcess } from '../../support/bridge-process.ts';
import type { BridgeProcess } from '../../support/bridge-process.ts';
import { startGate } from '../../peers/gate.ts';
import type { Gate } from '../../peers/gate.ts';
import { startIdentityProvider } from '../../peers/identity-provider.ts';
import type { IdentityProvider } from '../../peers/identity-provider.ts';
import { startOrthanc } from '../../peers/orthanc.ts';
import type { Orthanc } from '../../peers/orthanc.ts';
import type { PeerGroup } from '../../peers/peer.ts';

/** The archive side of a hospital: a real Orthanc that only a token of a real IdP opens. */
export interface ArchiveSide {
  readonly orthanc: Orthanc;
  readonly identityProvider: IdentityProvider;
  readonly gate: Gate;
}

export async function startArchiveSide(peers: PeerGroup): Promise<ArchiveSide> {
  const orthanc = await peers.start(startOrthanc());
  const identityProvider = await peers.start(startIdentityProvider());
  const gate = await peers.start(
    startGate({ ...identityProvider, archiveUrl: orthanc.dicomWebUrl }),
  );
  return { orthanc, identityProvider, gate };
}

/** The settings an administrator writes for it. */
export function archiveSettings(
  { gate, identityProvider }: ArchiveSide,
  clientAuth: 'basic' | 'post' = 'basic',
): Record<string, string> {
  const { tokenUrl, scope, audience } = identityProvider;
  const { clientId, clientSecret } = identityProvider[`${clientAuth}Client`];
  return {
    UPSTREAM_URL: gate.url,
    UPSTREAM_AUTH: 'client_credentials',
    UPSTREAM_CLIENT_AUTH: clientAuth,
    UPSTREAM_TOKEN_URL: tokenUrl,
    UPSTREAM_CLIENT_ID: clientId,
    UPSTREAM_CLIENT_SECRET: clientSecret,
    UPSTREAM_SCOPE: scope,
    UPSTREAM_RESOURCE: audience,
  };
}

/** A bridge in front of it. */
export function startBridgeTo(
  archive: ArchiveSide,
  settings: Readonly<Record<string, string>> = {},
): Promise<BridgeProcess> {
  return startBridgeProcess({ ...archiveSettings(archive), ...settings });
}
