import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { createToken } from './support/access-token.ts';
import { ask } from './support/plain-answer.ts';
import type { PlainAnswer } from './support/plain-answer.ts';
import { storeSamples } from './support/sample-archive.ts';

const names = ['studies/doe-archibald/ct-17106.dcm', 'objects/pdf-explicit-le.dcm'];

describe.skipIf(peersSkipped || !hasSharedData)('what a browser has already, with Orthanc', () => {
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let root = '';
  let authorization = '';
  let frame = '';
  let document = '';

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
    root = `http://127.0.0.1:${bridge.httpPort}/dicom-web`;
    authorization = `Bearer ${await createToken(bridge, '--scope', 'read')}`;
    const [ct, pdf] = await storeSamples(orthanc, names);
    frame = `${ct?.path ?? ''}/frames/1`;
    document = `${pdf?.path ?? ''}/bulk/00420011`;
  }, 60_000);
  afterAll(() => peers.stop());

  const get = (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method = 'GET',
  ): Promise<PlainAnswer> =>
    ask(`${root}/${path}`, { method, headers: { authorization, ...headers } });

  it('has a validator and is not sent again', async () => {
    for (const path of [frame, document]) {
      const first = await get(path);
      expect(first.status).toBe(200);
      expect(first.headers['cache-control']).toBe('private, max-age=300');
      const { etag = '' } = first.headers;
      expect(etag).toMatch(/^W\/"/);

      const again = await get(path, { 'if-none-match': etag });

      expect(again.status).toBe(304);
      expect(again.body).toHaveLength(0);
      expect(again.headers['etag']).toBe(etag);
    }
  });

  it('D38 can be asked for by its head alone', async () => {
    for (const path of [frame, document]) {
      const whole = await get(path);

      const head = await get(path, {}, 'HEAD');

      expect(head.status).toBe(200);
      expect(head.body).toHaveLength(0);
      expect(head.headers['content-length']).toBe(String(whole.body.length));
      expect(head.headers['etag']).toBe(whole.headers['etag']);
    }
  });

  it('is gone when the archive has lost it, whatever the browser has', async () => {
    const { etag = '' } = (await get(frame)).headers;
    expect(etag).not.toBe('');
    await orthanc.clear();

    const answer = await get(frame, { 'if-none-match': etag });

    expect(answer.status).toBe(404);
  });
});
