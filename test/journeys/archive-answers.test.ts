import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GateBehaviour } from '../peers/gate.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { send } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { setAsideObjects, spoolFolder, untilDelivered } from './support/spool-contents.ts';

describe.skipIf(peersSkipped)('what the archive answers', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess;
  /** Where in the log the test began. */
  let logBegins = 0;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
    bridge = await peers.start(startBridgeTo(archive, { STOW_CONCURRENCY: '1' }));
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    logBegins = bridge.log.length;
    await archive.orthanc.clear();
  });
  afterEach(() => archive.gate.setBehaviour({ kind: 'pass' }));

  describe('to a batch as a whole', () => {
    it.each([400, 409, 413])(
      'C10 C13 %i is asked again in halves, and everything arrives',
      async (status) => {
        const objects = newStudy(10);
        await sendWhileTheArchiveIsAway(objects);
        archive.gate.setBehaviour({ kind: 'answer', status }, 1);

        await restart();
        await untilDelivered(bridge);

        expect(logged('batch refused as a whole')).toHaveLength(1);
        expect(await differences(archive.orthanc, objects)).toEqual([]);
        expect(await setAsideOf(objects)).toEqual([]);
      },
    );

    it.each([400, 409, 413])(
      'C10 C13 %i condemns one that is alone, and not those who come after it',
      async (status) => {
        const [culprit, ...others] = newStudy(4) as [SentObject, ...SentObject[]];
        archive.gate.setBehaviour({ kind: 'answer', status }, 1);

        await send(bridge, [culprit]);
        await untilDelivered(bridge);
        await send(bridge, others);
        await untilDelivered(bridge);

        expect(await setAsideOf([culprit, ...others])).toMatchObject([
          {
            sopInstanceUid: culprit.sopInstanceUid,
            reason: { code: 'refused', httpStatus: status },
          },
        ]);
        expect(await differences(archive.orthanc, others)).toEqual([]);
      },
    );

    it.each<{ readonly said: string; readonly atLeastMs: number; readonly atMostMs: number }>([
      { said: '120', atLeastMs: 120_000, atMostMs: 120_000 },
      { said: httpDate(600), atLeastMs: 400_000, atMostMs: 600_000 },
      { said: '99999999', atLeastMs: 3_600_000, atMostMs: 3_600_000 },
      // The usual backoff: RETRY_MAX is half a second.
      { said: '-1', atLeastMs: 0, atMostMs: 500 },
      { said: 'abc', atLeastMs: 0, atMostMs: 500 },
    ])(
      'C14 Retry-After: $said is waited for, within reason',
      async ({ said, atLeastMs, atMostMs }) => {
        const objects = newStudy(1);
        archive.gate.setBehaviour(
          { kind: 'answer', status: 503, headers: { 'retry-after': said } },
          1,
        );

        await send(bridge, objects);
        await expect.poll(() => logged('batch not delivered')).toHaveLength(1);
        const [{ waitMs } = {}] = logged('batch not delivered');
        // Nobody here has two minutes: a new start asks at once.
        await restart();
        await untilDelivered(bridge);

        expect(waitMs).toBeGreaterThanOrEqual(atLeastMs);
        expect(waitMs).toBeLessThanOrEqual(atMostMs);
        expect(await differences(archive.orthanc, objects)).toEqual([]);
      },
    );

    it.each([
      { body: '', what: 'nothing' },
      { body: '{}', what: 'an empty object' },
      { body: named({ kept: [] }), what: 'lists without our UID' },
      { body: named({ kept: [{ sop: '2.25.1' }] }), what: 'another UID' },
      { body: '{"00081199":', what: 'half an object' },
      { body: '<html>welcome</html>', what: 'a web page', type: 'text/html' },
    ])('C17 200 with $what delivers nothing', async ({ body, type = dicomJson }) => {
      const objects = newStudy(3);
      archive.gate.setBehaviour(answer(200, body, type));

      await send(bridge, objects);
      await expect.poll(() => logged('batch not delivered').length).toBeGreaterThan(1);
      const waiting = await spoolFolder(bridge, 'ready');
      archive.gate.setBehaviour({ kind: 'pass' });
      await untilDelivered(bridge);

      expect(waiting).toHaveLength(objects.length);
      expect(await differences(archive.orthanc, objects)).toEqual([]);
      expect(await setAsideOf(objects)).toEqual([]);
    });
  });

  describe('of one object among ten', () => {
    it.each(['0110', 'A700'])('C18 %sH is tried again until it passes', async (reason) => {
      const [odd, ...others] = newStudy(10) as [SentObject, ...SentObject[]];
      archive.gate.setBehaviour(
        answer(200, named({ kept: kept(others), failed: [{ sop: odd.sopInstanceUid, reason }] })),
      );

      await send(bridge, [odd, ...others]);
      await expect.poll(() => logged('object not stored').length).toBeGreaterThan(1);
      await expect.poll(() => spoolFolder(bridge, 'ready')).toHaveLength(1);
      archive.gate.setBehaviour({ kind: 'pass' });
      await untilDelivered(bridge);

      // The nine were taken at the gate's word.
      expect(await archive.orthanc.instances()).toEqual([odd.sopInstanceUid]);
      expect(await setAsideOf([odd, ...others])).toEqual([]);
    });

    it.each(['A900', 'C000', '0122', 'C122'])(
      'C18 %sH sets it aside, and the nine are delivered',
      async (reason) => {
        const [odd, ...others] = newStudy(10) as [SentObject, ...SentObject[]];
        archive.gate.setBehaviour(
          answer(200, named({ kept: kept(others), failed: [{ sop: odd.sopInstanceUid, reason }] })),
        );

        await send(bridge, [odd, ...others]);
        await untilDelivered(bridge);

        expect(await setAsideOf([odd, ...others])).toMatchObject([
          {
            sopInstanceUid: odd.sopInstanceUid,
            reason: { code: 'refused', failureReason: Number.parseInt(reason, 16) },
          },
        ]);
      },
    );

    it.each(['B000', 'B006', 'B007'])(
      'C19 warning %sH is a delivery, and is told',
      async (code) => {
        const [odd, ...others] = newStudy(10) as [SentObject, ...SentObject[]];
        await restart();
        archive.gate.setBehaviour(
          answer(
            202,
            named({ kept: [...kept(others), { sop: odd.sopInstanceUid, warning: code }] }),
          ),
        );

        await send(bridge, [odd, ...others]);
        await untilDelivered(bridge);

        expect(await setAsideOf([odd, ...others])).toEqual([]);
        expect(logged('object stored with a warning')).toMatchObject([
          { warningReason: `${code}H` },
        ]);
      },
    );
  });

  /** They wait in the spool as one batch. */
  async function sendWhileTheArchiveIsAway(objects: readonly SentObject[]): Promise<void> {
    await archive.gate.down();
    await send(bridge, objects);
    await bridge.terminate();
    await archive.gate.up();
  }

  async function restart(): Promise<void> {
    await bridge.restart();
    logBegins = 0;
  }

  function logged(text: string): readonly Readonly<Record<string, unknown>>[] {
    return bridge.log
      .slice(logBegins)
      .split('\n')
      .filter((line) => line.includes(text))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async function setAsideOf(objects: readonly SentObject[]) {
    const uids = new Set<string>(objects.map(({ sopInstanceUid }) => sopInstanceUid));
    const all = await setAsideObjects(bridge);
    return all.filter(({ sopInstanceUid }) => uids.has(sopInstanceUid));
  }
});

const dicomJson = 'application/dicom+json';

function newStudy(count: number): readonly SentObject[] {
  const study = newUid();
  return Array.from({ length: count }, () => newObject({ study, pixelBytes: 2000 }));
}

function httpDate(aheadSeconds: number): string {
  return new Date(Date.now() + aheadSeconds * 1000).toUTCString();
}

function answer(status: number, body: string, type = dicomJson): GateBehaviour {
  return { kind: 'answer', status, headers: { 'content-type': type }, body };
}

function kept(objects: readonly SentObject[]): readonly { readonly sop: string }[] {
  return objects.map(({ sopInstanceUid }) => ({ sop: sopInstanceUid }));
}

/** A Store Instances Response (PS3.18 Annex I); codes in hexadecimal. */
function named(lists: {
  readonly kept: readonly { readonly sop: string; readonly warning?: string }[];
  readonly failed?: readonly { readonly sop: string; readonly reason: string }[];
}): string {
  const element = (vr: string, value: string | number): object => ({ vr, Value: [value] });
  const code = (text: string): object => element('US', Number.parseInt(text, 16));
  const keptItems = lists.kept.map(({ sop, warning }) => ({
    '00081155': element('UI', sop),
    ...(warning !== undefined && { '00081196': code(warning) }),
  }));
  const failedItems = (lists.failed ?? []).map(({ sop, reason }) => ({
    '00081155': element('UI', sop),
    '00081197': code(reason),
  }));
  return JSON.stringify({
    '00081199': { vr: 'SQ', Value: keptItems },
    ...(failedItems.length > 0 && { '00081198': { vr: 'SQ', Value: failedItems } }),
  });
}
