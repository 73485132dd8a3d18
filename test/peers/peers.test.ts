import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { runDcmtk, startStoreScp } from './dcmtk.ts';
import type { StoreScp } from './dcmtk.ts';
import { startGate } from './gate.ts';
import type { Gate } from './gate.ts';
import { startIdentityProvider } from './identity-provider.ts';
import type { IdentityProvider, OAuthClient } from './identity-provider.ts';
import { startOrthanc } from './orthanc.ts';
import type { Orthanc } from './orthanc.ts';
import { PeerGroup, peersSkipped, temporaryFolder } from './peer.ts';

describe.skipIf(peersSkipped)('the real peers', () => {
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let identityProvider: IdentityProvider;
  let gate: Gate;
  let storeScp: StoreScp;

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    identityProvider = await peers.start(startIdentityProvider());
    gate = await peers.start(startGate({ ...identityProvider, archiveUrl: orthanc.dicomWebUrl }));
    storeScp = await peers.start(startStoreScp({ bitPreserving: true }));
  });
  afterAll(() => peers.stop());

  it('Orthanc takes an object by C-STORE and keeps it over a restart', async () => {
    const folder = await temporaryFolder('peers');
    const sop = newUid();
    const object = path.join(folder.path, 'object.dcm');
    await writeFile(object, buildPart10({ sop }));

    const sent = await runDcmtk('storescu', ['127.0.0.1', String(orthanc.dicomPort), object]);
    await orthanc.kill();
    await orthanc.restart();

    expect(sent).toMatchObject({ code: 0 });
    expect(await orthanc.instances()).toContain(sop);
    expect((await orthanc.file(sop)).subarray(128, 132).toString()).toBe('DICM');
    await folder.remove();
  });

  it('storescp takes an object and preserves its bits', async () => {
    const folder = await temporaryFolder('peers');
    const object = path.join(folder.path, 'object.dcm');
    await writeFile(object, buildPart10());

    const sent = await runDcmtk('storescu', ['127.0.0.1', String(storeScp.port), object]);

    expect(sent).toMatchObject({ code: 0 });
    expect(await storeScp.files()).toHaveLength(1);
    await folder.remove();
  });

  it('the gate lets a token of the identity provider through and nobody else', async () => {
    const token = await tokenFor(identityProvider.postClient);
    const ask = (authorization: string) =>
      fetch(`${gate.url}/studies`, { headers: { authorization } });

    expect((await ask('')).status).toBe(401);
    expect((await ask('Bearer nonsense')).status).toBe(401);
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
    gate.revoke();
    expect((await ask(`Bearer ${token}`)).status).toBe(401);
    expect(gate.counters).toMatchObject({ accepted: 1, refused: 3 });
  });

  it('the gate can be told to answer for the archive, for so many requests', async () => {
    const token = await tokenFor(identityProvider.postClient);
    const ask = () =>
      fetch(`${gate.url}/studies`, { headers: { authorization: `Bearer ${token}` } });

    gate.setBehaviour({ kind: 'answer', status: 503, headers: { 'retry-after': '2' } }, 1);

    expect((await ask()).status).toBe(503);
    expect((await ask()).status).toBe(200);
  });

  async function tokenFor(client: OAuthClient): Promise<string> {
    const answer = await fetch(identityProvider.tokenUrl, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.clientId,
        client_secret: client.clientSecret,
        scope: identityProvider.scope,
      }),
    });
    return ((await answer.json()) as { readonly access_token: string }).access_token;
  }
});
