import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { suite } from '../support/suite.ts';
import { encapsulatedObject, multiFrameObject } from './support/large-object.ts';
import type { LargeObject } from './support/large-object.ts';
import { peakBytes } from './support/memory.ts';
import { send } from './support/send.ts';
import { untilDelivered } from './support/spool-contents.ts';
import { startStowSink } from './support/stow-sink.ts';
import type { StowSink } from './support/stow-sink.ts';

const MB = 1e6;
const minutes = 60_000;

describe('memory while large objects pass', () => {
  const peers = new PeerGroup();
  afterEach(() => peers.stop());

  it(
    'does not grow from an object of 64 MiB to one of 256 MiB',
    async () => {
      const { sink, bridge } = await startPair();
      for (let each = 0; each < 4; each += 1) await passes(bridge, sink, multiFrameObject(64));
      const before = await peakBytes(bridge.pid);

      await passes(bridge, sink, multiFrameObject(256));

      const after = await peakBytes(bridge.pid);
      report({ before, after });
      expect(after - before).toBeLessThan(15 * MB);
      expect(after).toBeLessThan(200 * MB);
    },
    minutes,
  );

  describe.skipIf(suite !== 'large')('by the gigabyte (npm run test:large)', () => {
    it(
      'stays below 200 MB for four objects of 128 MiB at a time',
      async () => {
        const { sink, bridge } = await startPair();

        const objects = Array.from({ length: 4 }, () => multiFrameObject(128));
        await Promise.all(objects.map((object) => passes(bridge, sink, object)));

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(after).toBeLessThan(200 * MB);
      },
      minutes,
    );

    it(
      'stays below 200 MB for an object of 1 GiB',
      async () => {
        const { sink, bridge } = await startPair();

        await passes(bridge, sink, multiFrameObject(1024));

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(after).toBeLessThan(200 * MB);
      },
      5 * minutes,
    );

    it(
      'rises by at most 10 MB from objects of 0.25 GiB to one of 2 GiB',
      async () => {
        const { sink, bridge } = await startPair();
        // More bytes before than after: what grows with time alone (the heap's young generation, the
        // rhythm of the garbage collector) is not what this is about.
        for (let each = 0; each < 16; each += 1) await passes(bridge, sink, multiFrameObject(256));
        const before = await peakBytes(bridge.pid);

        await passes(bridge, sink, multiFrameObject(2048));

        const after = await peakBytes(bridge.pid);
        report({ before, after });
        expect(after - before).toBeLessThanOrEqual(10 * MB);
      },
      5 * minutes,
    );

    it(
      'stays below 200 MB for an encapsulated object of more than 4 GiB, which reaches an archive intact',
      async () => {
        const { sink, bridge } = await startPair();

        await passes(bridge, sink, encapsulatedObject(4224));

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(after).toBeLessThan(200 * MB);
      },
      10 * minutes,
    );

    it(
      'stays below 200 MB for an encapsulated object of more than 4 GiB in the embedded archive',
      async () => {
        const bridge = await peers.start(startBridgeProcess());
        const object = encapsulatedObject(4224);

        expect(await send(bridge, [object])).toEqual([{ kind: 'stored', status: 0 }]);
        await untilDelivered(bridge, 3 * minutes);

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(await digestInArchive(bridge)).toBe(object.digest());
        expect(after).toBeLessThan(200 * MB);
      },
      10 * minutes,
    );

    it.skipIf(peersSkipped)(
      'a real Orthanc takes an object of 1 GiB byte for byte',
      async () => {
        const orthanc = await peers.start(startOrthanc());
        const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
        const object = multiFrameObject(1024);

        expect(await send(bridge, [object])).toEqual([{ kind: 'stored', status: 0 }]);
        await untilDelivered(bridge, 3 * minutes);

        const after = await peakBytes(bridge.pid);
        report({ after });
        expect(await digestInOrthanc(orthanc)).toBe(object.digest());
        expect(after).toBeLessThan(200 * MB);
      },
      10 * minutes,
    );
  });

  async function startPair(): Promise<{ readonly sink: StowSink; readonly bridge: BridgeProcess }> {
    const sink = await peers.start(startStowSink());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: sink.url }));
    return { sink, bridge };
  }
});

async function passes(bridge: BridgeProcess, sink: StowSink, object: LargeObject): Promise<void> {
  expect(await send(bridge, [object])).toEqual([{ kind: 'stored', status: 0 }]);
  await untilDelivered(bridge, 3 * minutes);
  expect(sink.arrived.get(object.sopInstanceUid)).toEqual({
    bytes: object.bytes,
    digest: object.digest(),
  });
}

/** The figures are worth having, not only that they were below the bound. */
function report(peaks: Readonly<Record<string, number>>): void {
  const words = Object.entries(peaks).map(
    ([when, bytes]) => `${when} ${Math.round(bytes / MB)} MB`,
  );
  console.info(`peak memory of the bridge: ${words.join(', ')}`);
}

async function digestInArchive(bridge: BridgeProcess): Promise<string> {
  const folder = path.join(bridge.dataDir, 'archive');
  const names = await readdir(folder, { recursive: true });
  return digestOfDataSet(createReadStream(path.join(folder, names.find(isDicomFile) ?? '')));
}

function isDicomFile(name: string): boolean {
  return name.endsWith('.dcm');
}

/** Of the one instance it holds, read as a stream. */
async function digestInOrthanc({ restUrl }: Orthanc): Promise<string> {
  const [id = ''] = (await (await fetch(`${restUrl}/instances`)).json()) as readonly string[];
  const file = await fetch(`${restUrl}/instances/${id}/file`, {
    // Or Orthanc would compress a gigabyte first.
    headers: { 'accept-encoding': 'identity' },
  });
  return digestOfDataSet(file.body as AsyncIterable<Uint8Array>);
}

async function digestOfDataSet(part10: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of part10) {
    if (head === undefined) {
      hash.update(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const offset = decodeFileHeader(head)?.dataSetOffset;
    if (offset === undefined) continue;
    hash.update(head.subarray(offset));
    head = undefined;
  }
  return hash.digest('hex');
}
