import { associate } from '../../../src/dimse/associate.ts';
import { storeRequest } from '../../../src/dimse/store-user.ts';
import type { Association } from '../../../src/upper-layer/association.ts';
import { targetOf } from './send.ts';
import type { SentObject } from './sent-object.ts';

/** A C-STORE whose data set stops half way and goes on when the test says so. */
export interface HeldStore {
  readonly object: SentObject;
  readonly association: Association;
  /** Sends the second half; resolves to the status that came back. */
  finish(): Promise<number | undefined>;
}

/** Resolves when the first half has been handed to the network. */
export async function beginStore(
  bridge: { readonly dimsePort: number },
  object: SentObject,
): Promise<HeldStore> {
  const association = await associate(targetOf(bridge), [
    { id: 1, abstractSyntax: object.sopClassUid, transferSyntaxes: [object.transferSyntaxUid] },
  ]);
  let goOn: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (goOn = resolve));
  let halfway: () => void = () => undefined;
  const reachedHalf = new Promise<void>((resolve) => (halfway = resolve));

  async function* halves(): AsyncGenerator<Buffer> {
    const half = Math.floor(object.bytes.length / 2);
    yield object.bytes.subarray(0, half);
    // The second piece is asked for when the first one is gone.
    halfway();
    await released;
    yield object.bytes.subarray(half);
  }

  const sent = association.send({
    contextId: 1,
    command: storeRequest(object, 1),
    dataSet: halves(),
  });
  // Heard by `finish`; an association that is aborted before must not end the test run.
  sent.catch(() => undefined);
  await reachedHalf;
  return {
    object,
    association,
    finish: async () => {
      goOn();
      await sent;
      return (await association.receive())?.command.status;
    },
  };
}
