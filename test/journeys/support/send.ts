import type { DimseTarget } from '../../../src/dimse/associate.ts';
import { sendObjects } from '../../../src/dimse/store-user.ts';
import type { ObjectToSend, SendResult } from '../../../src/dimse/store-user.ts';
import { aeTitle } from '../../support/uid.ts';

/** A bridge as a device knows it. */
export function targetOf(bridge: { readonly dimsePort: number }): DimseTarget {
  return {
    host: '127.0.0.1',
    port: bridge.dimsePort,
    calledAeTitle: aeTitle('DRAWBRIDGE'),
    callingAeTitle: aeTitle('CT01'),
    maxPduBytes: 131_072,
    connectTimeoutMs: 5_000,
    timeouts: {
      artimMs: 10_000,
      idleMs: 120_000,
      writeStallMs: 120_000,
      minimumBytesPerSecond: 0,
    },
  };
}

/** Sends by our own requester, which leaves every byte as it is. One result an object, in order. */
export async function send(
  bridge: { readonly dimsePort: number },
  objects: readonly ObjectToSend[],
): Promise<SendResult[]> {
  const results: SendResult[] = [];
  await sendObjects(targetOf(bridge), objects, (_object, result) => results.push(result));
  return results;
}
