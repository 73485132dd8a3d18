import { request } from 'node:http';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { LoopbackServer } from '../peers/loopback-server.ts';
import { PeerGroup } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { dicomParts } from '../support/multipart-body.ts';
import { multiFrameObject } from './support/large-object.ts';
import { messageWith, upload } from './support/stow-upload.ts';

describe('an upload through the front, when something goes wrong', () => {
  const peers = new PeerGroup();
  let play: RequestListener;
  let archive: LoopbackServer;
  let bridge: BridgeProcess;
  let url: string;

  beforeAll(async () => {
    archive = await peers.start(
      startLoopbackServer(() => (incoming, response) => play(incoming, response)),
    );
    bridge = await peers.start(
      startBridgeProcess({
        ...{ UPSTREAM_URL: archive.url, UPSTREAM_TIMEOUT: '2s' },
        ...{ HTTP_AUTH: 'none', HTTP_MAX_BODY: '100MB' },
      }),
    );
    url = `http://127.0.0.1:${bridge.httpPort}/dicom-web/studies`;
  });
  afterAll(() => peers.stop());

  it('D42 ends with 502 when the archive breaks the connection', async () => {
    play = (incoming) => incoming.once('data', () => incoming.socket.resetAndDestroy());

    const answer = await upload(url, messageWith(multiFrameObject(16)));

    expect(answer).toMatchObject({ status: 502, contentType: 'application/problem+json' });
    expect(answer.dataSet).toMatchObject({ code: 'origin_unavailable' });
    expect(JSON.stringify(answer)).not.toContain(archive.url);
  });

  it('D42 ends with 504 when the archive stops taking it', async () => {
    play = (incoming) => incoming.once('data', () => incoming.pause());

    expect((await upload(url, messageWith(multiFrameObject(64)))).status).toBe(504);
  });

  it('D41 is over for the archive when the client goes away', async () => {
    const seen = new Promise<IncomingMessage>((resolve) => {
      play = (incoming) => {
        incoming.resume().on('error', () => undefined);
        incoming.once('data', () => resolve(incoming));
      };
    });
    const outgoing = request(url, { method: 'POST', headers: { 'content-type': dicomParts } });
    outgoing.on('error', () => undefined);
    const message = messageWith(multiFrameObject(4));
    for (let piece = 0; piece < 5; piece += 1) {
      const next = await message.next();
      if (next.done !== true) outgoing.write(next.value);
    }

    const incoming = await seen;
    outgoing.destroy();
    if (!incoming.closed) await new Promise((resolve) => incoming.once('close', resolve));

    expect(incoming.complete).toBe(false);
  });

  it.each([
    [413, {}, 413, 'object_too_large'],
    [503, { 'retry-after': '7' }, 503, 'origin_unavailable'],
    [500, {}, 502, 'origin_unavailable'],
    [401, { 'www-authenticate': 'Basic realm="archive"' }, 502, 'origin_refused'],
    [302, { location: 'http://elsewhere.example/' }, 502, 'origin_answer_invalid'],
  ])(
    'D25 says %i of an archive that answers before it has taken it all',
    async (status, headers, expected, code) => {
      play = (_incoming, response) => void response.writeHead(status, headers).end('<html>');

      const answer = await upload(url, messageWith(multiFrameObject(32)));

      expect(answer).toMatchObject({ status: expected, dataSet: { code } });
    },
  );

  it('D29 is refused as soon as it is too long, announced or not', async () => {
    let begun = 0;
    play = (incoming, response) => {
      begun += 1;
      incoming.resume().once('end', () => answerNothing(response));
    };

    const announced = await upload(url, messageWith(multiFrameObject(1)), {
      'content-length': '4294967296',
    });
    const found = await upload(url, messageWith(multiFrameObject(128)));

    expect([announced.status, found.status]).toEqual([413, 413]);
    expect(begun).toBe(1);
  });

  it('serves the next one after all that', async () => {
    play = (incoming, response) =>
      void incoming.resume().once('end', () => answerNothing(response));

    const { status, dataSet } = await upload(url, messageWith(multiFrameObject(1)));

    expect(status).toBe(409);
    expect(dataSet['00081198']?.Value).toHaveLength(1);
  });
});

/** An archive that took it all and says of nothing what became of it. */
function answerNothing(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/dicom+json' }).end('{}');
}
