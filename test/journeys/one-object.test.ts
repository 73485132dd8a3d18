import type { IncomingHttpHeaders } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PeerGroup } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { send } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { spoolFolder, untilDelivered } from './support/spool-contents.ts';
import { startStowRecorder } from './support/stow-recorder.ts';
import type { StowRecorder } from './support/stow-recorder.ts';

type Line = Readonly<Record<string, unknown>>;

describe('one object among many', () => {
  const peers = new PeerGroup();
  const perTest = new PeerGroup();
  let archive: StowRecorder;

  beforeAll(async () => {
    archive = await peers.start(startStowRecorder());
  });
  afterAll(() => peers.stop());
  beforeEach(() => archive.hold());
  afterEach(async () => {
    archive.release();
    await perTest.stop();
  });

  it('can be followed from its association to the request the archive saw', async () => {
    const bridge = await perTest.start(
      startBridgeProcess({ UPSTREAM_URL: archive.url, LOG_LEVEL: 'debug' }),
    );
    const study = newUid();
    const [first, second] = [newObject({ study }), newObject({ study })];

    await send(bridge, [newObject(), first]);
    await send(bridge, [second]);
    archive.release();
    await untilDelivered(bridge);

    const lines = linesOf(bridge);
    const begun = lines.filter(({ msg }) => msg === 'association begins');
    const stored = lines.filter(({ msg }) => msg === 'object stored');
    const delivered = lines.filter(({ msg }) => msg === 'batch delivered');
    expect(begun).toHaveLength(2);
    expect(stored.map(({ association }) => association)).toEqual([
      begun[0]?.['association'],
      begun[0]?.['association'],
      begun[1]?.['association'],
    ]);
    for (const { entry, association } of stored) {
      expect(String(entry).endsWith(`-${String(association)}`)).toBe(true);
    }
    for (const { headers, sopInstanceUids } of archive.requests) {
      const [, trace] = /^00-([0-9a-f]{32})-[0-9a-f]{16}-01$/.exec(header(headers)) ?? [];
      const [line, ...others] = delivered.filter((each) => each['trace'] === trace);
      expect(others).toEqual([]);
      const whence = [first, second]
        .map(({ sopInstanceUid }, index) => ({ sopInstanceUid, by: begun[index]?.['association'] }))
        .filter(({ sopInstanceUid }) => sopInstanceUids.includes(sopInstanceUid));
      expect(line).toMatchObject({ objects: sopInstanceUids.length, httpStatus: 200 });
      for (const { by } of whence) expect(line?.['associations']).toContain(by);
    }
    const spans = archive.requests.map(({ headers }) => header(headers));
    expect(new Set(spans).size).toBe(archive.requests.length);
    // No identifier of the object stands in the log, only our own words for it.
    expect(bridge.log).not.toContain(first.sopInstanceUid);
  });

  it.each([
    ['its Modality is on the list', 'US'],
    ['the same list has it among others', 'DX'],
  ])('overtakes a long queue when %s', async (_why, modality) => {
    const bridge = await perTest.start(
      startBridgeProcess({
        UPSTREAM_URL: archive.url,
        URGENT_MODALITIES: 'CR,DX,US',
        STOW_BATCH_INSTANCES: '5',
        STOW_CONCURRENCY: '1',
      }),
    );
    const before = archive.requests.length;
    const study = newUid();
    const queue = Array.from({ length: 200 }, () => newObject({ study, modality: 'CT' }));
    const urgent = newObject({ study, modality });

    await send(bridge, queue);
    await send(bridge, [urgent]);
    expect(await spoolFolder(bridge, 'ready')).toHaveLength(201);
    archive.release();
    await untilDelivered(bridge);

    const requests = archive.requests.slice(before);
    expect(requests).toHaveLength(41);
    // The first was on its way before anybody knew of the urgent one.
    expect(requests[1]?.sopInstanceUids).toEqual([urgent.sopInstanceUid]);
    expect(requests.flatMap(({ sopInstanceUids }) => sopInstanceUids)).toEqual(
      inOrder(queue, urgent),
    );
  });

  function inOrder(queue: readonly SentObject[], urgent: SentObject): readonly string[] {
    return [...queue.slice(0, 5), urgent, ...queue.slice(5)].map((each) => each.sopInstanceUid);
  }
});

function header({ traceparent }: IncomingHttpHeaders): string {
  return String(traceparent);
}

function linesOf(bridge: BridgeProcess): readonly Line[] {
  return bridge.log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}
