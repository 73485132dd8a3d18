import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { PeerGroup } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { suite } from '../support/suite.ts';
import { answerBytes, startEndlessArchive } from './support/endless-archive.ts';
import { multiFrameObject } from './support/large-object.ts';
import { peakBytes } from './support/memory.ts';
import { startStowSink } from './support/stow-sink.ts';
import type { StowSink } from './support/stow-sink.ts';
import { messageWith, upload } from './support/stow-upload.ts';

const MB = 1e6;
const minutes = 60_000;

describe('memory while large objects pass the DICOMweb front', () => {
  const peers = new PeerGroup();
  afterEach(() => peers.stop());

  it(
    'does not grow from an upload of 64 MiB to one of 256 MiB',
    async () => {
      const { sink, bridge } = await startBeforeSink();
      for (let each = 0; each < 4; each += 1) await uploads(bridge, sink, 64);
      const before = await peakBytes(bridge.pid);

      await uploads(bridge, sink, 256);

      const after = await peakBytes(bridge.pid);
      report({ before, after });
      expect(after - before).toBeLessThan(15 * MB);
      expect(after).toBeLessThan(200 * MB);
    },
    3 * minutes,
  );

  it(
    'does not grow from a download of 64 MiB to one of 256 MiB',
    async () => {
      const bridge = await startBeforeEndlessArchive();
      for (let each = 0; each < 4; each += 1) await downloads(bridge, 64);
      const before = await peakBytes(bridge.pid);

      await downloads(bridge, 256);

      const after = await peakBytes(bridge.pid);
      report({ before, after });
      expect(after - before).toBeLessThan(15 * MB);
      expect(after).toBeLessThan(200 * MB);
    },
    3 * minutes,
  );

  describe.skipIf(suite !== 'large')('by the gigabyte (npm run test:large)', () => {
    it(
      'stays below 200 MB for an upload of 2 GiB, which arrives whole',
      async () => {
        const { sink, bridge } = await startBeforeSink();

        await uploads(bridge, sink, 2048);

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(after).toBeLessThan(200 * MB);
      },
      5 * minutes,
    );

    it(
      'stays below 200 MB for a download of 2 GiB, which arrives whole',
      async () => {
        const bridge = await startBeforeEndlessArchive();

        await downloads(bridge, 2048);

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(after).toBeLessThan(200 * MB);
      },
      5 * minutes,
    );

    it(
      'stays below 200 MB for an upload of 1 GiB into the embedded archive',
      async () => {
        const bridge = await peers.start(startBridgeProcess({ HTTP_AUTH: 'none' }));

        const { status } = await upload(
          `${rootOf(bridge)}/studies`,
          messageWith(multiFrameObject(1024)),
        );

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(status).toBe(200);
        expect(after).toBeLessThan(200 * MB);
      },
      5 * minutes,
    );
  });

  async function startBeforeSink(): Promise<{
    readonly sink: StowSink;
    readonly bridge: BridgeProcess;
  }> {
    const sink = await peers.start(startStowSink());
    return { sink, bridge: await startBridgeTo(sink.url) };
  }

  async function startBeforeEndlessArchive(): Promise<BridgeProcess> {
    const { url } = await peers.start(startEndlessArchive());
    return startBridgeTo(url);
  }

  function startBridgeTo(url: string): Promise<BridgeProcess> {
    return peers.start(startBridgeProcess({ UPSTREAM_URL: url, HTTP_AUTH: 'none' }));
  }
});

function rootOf({ httpPort }: BridgeProcess): string {
  return `http://127.0.0.1:${httpPort}/dicom-web`;
}

async function uploads(bridge: BridgeProcess, sink: StowSink, mebibytes: number): Promise<void> {
  const object = multiFrameObject(mebibytes);

  const { status } = await upload(`${rootOf(bridge)}/studies`, messageWith(object));

  expect(status).toBe(200);
  expect(sink.arrived.get(object.sopInstanceUid)).toEqual({
    bytes: object.bytes,
    digest: object.digest(),
  });
}

async function downloads(bridge: BridgeProcess, mebibytes: number): Promise<void> {
  const url = `${rootOf(bridge)}/studies/1.2/series/1.2.3/instances/1.2.3.${mebibytes}`;
  const accept = 'multipart/related; type="application/dicom"; transfer-syntax=*';

  const bytes = await new Promise<number>((resolve, reject) => {
    const get = request(url, { headers: { accept } }, (response) => {
      let count = 0;
      expect(response.statusCode).toBe(200);
      response
        .on('data', (chunk: Buffer) => (count += chunk.length))
        .once('end', () => resolve(count))
        .once('error', reject);
    });
    get.once('error', reject).end();
  });

  expect(bytes).toBe(answerBytes(mebibytes));
}

/** The figures are worth having, not only that they were below the bound. */
function report(peaks: Readonly<Record<string, number>>): void {
  const words = Object.entries(peaks).map(
    ([when, bytes]) => `${when} ${Math.round(bytes / MB)} MB`,
  );
  console.info(`peak memory of the bridge: ${words.join(', ')}`);
}
