import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { verificationSopClass } from '../../src/dicom/sop-class.ts';
import { implicitVrLittleEndian } from '../../src/dicom/transfer-syntax.ts';
import { associate } from '../../src/dimse/associate.ts';
import { verify } from '../../src/dimse/verification-user.ts';
import type { Association } from '../../src/upper-layer/association.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { beginStore } from './support/held-store.ts';
import type { HeldStore } from './support/held-store.ts';
import { targetOf } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import { spoolContents, spoolFolder } from './support/spool-contents.ts';

/** Nobody listens there: what is received stays in the spool, where the test can count it. */
const archiveThatIsAway = { UPSTREAM_URL: 'http://127.0.0.1:1/dicom-web' };

describe('SIGTERM while four associations are receiving', () => {
  let bridge: BridgeProcess;

  afterEach(() => bridge.stop());

  describe('and their senders go on', () => {
    beforeEach(async () => {
      bridge = await startBridgeProcess({ ...archiveThatIsAway, SHUTDOWN_GRACE: '8s' });
    });

    it('C28 lets them finish, takes nobody new, and exits with 0', async () => {
      const stores = await beginFourStores(bridge);
      const idle = await associateIdly(bridge);

      const ended = bridge.terminate();
      await untilLogged(bridge, '"stopping"');
      // Who says nothing is sent away long before the grace time is over; who sends is not.
      expect(await idle.closed).toMatchObject({ kind: 'aborted-by-peer', source: 0, reason: 0 });
      await expect(verify(targetOf(bridge))).rejects.toThrow();
      const statuses = await Promise.all(stores.map((store) => store.finish()));
      await Promise.all(stores.map(({ association }) => association.release()));

      expect(statuses).toEqual([0, 0, 0, 0]);
      expect(await ended).toEqual({ code: 0, signal: null });
      const { incoming, ready } = await spoolContents(bridge);
      expect({ incoming, waiting: ready.length }).toEqual({ incoming: [], waiting: 4 });
    });
  });

  describe('and their senders hang', () => {
    beforeEach(async () => {
      bridge = await startBridgeProcess({ ...archiveThatIsAway, SHUTDOWN_GRACE: '500ms' });
    });

    it('C28 aborts them after the grace time with AB(0,0), keeps no half object, and exits with 0', async () => {
      const stores = await beginFourStores(bridge);

      const ended = await bridge.terminate();
      const ends = await Promise.all(stores.map(({ association }) => association.closed));

      expect(ended).toEqual({ code: 0, signal: null });
      for (const end of ends) {
        expect(end).toMatchObject({ kind: 'aborted-by-peer', source: 0, reason: 0 });
      }
      const { incoming, ready } = await spoolContents(bridge);
      expect({ incoming, ready }).toEqual({ incoming: [], ready: [] });
    });
  });
});

describe('SIGTERM while associations are idle', () => {
  it('C28 aborts them with AB(0,0) and does not wait for the grace time', async () => {
    const bridge = await startBridgeProcess({ ...archiveThatIsAway, SHUTDOWN_GRACE: '1h' });
    onTestFinished(() => bridge.stop());
    const idle = await Promise.all([associateIdly(bridge), associateIdly(bridge)]);

    const ended = await bridge.terminate();

    // Ten seconds later it would have been killed.
    expect(ended).toEqual({ code: 0, signal: null });
    for (const { closed } of idle) {
      expect(await closed).toMatchObject({ kind: 'aborted-by-peer', source: 0, reason: 0 });
    }
  });
});

async function beginFourStores(bridge: BridgeProcess): Promise<readonly HeldStore[]> {
  const stores = await Promise.all(
    Array.from({ length: 4 }, () => beginStore(bridge, newObject({ pixelBytes: 3_000_000 }))),
  );
  await expect.poll(() => spoolFolder(bridge, 'incoming')).toHaveLength(4);
  return stores;
}

/** What workstations do that keep one open for the day. */
function associateIdly(bridge: BridgeProcess): Promise<Association> {
  const verification = { abstractSyntax: verificationSopClass };
  return associate(targetOf(bridge), [
    { id: 1, ...verification, transferSyntaxes: [implicitVrLittleEndian] },
  ]);
}

async function untilLogged(bridge: BridgeProcess, text: string): Promise<void> {
  await expect.poll(() => bridge.log, { timeout: 5000, interval: 10 }).toContain(text);
}
