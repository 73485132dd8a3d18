import type { Part10Source } from '../../dicom/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import type { StoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { InstanceOutcome } from '../../translate/stow-verdict.ts';
import type { ArrivingObject } from '../store-origin.ts';

/** An object that can be read once, and whose length nobody knows. */
export type SingleReading = Pick<Part10Source, 'sopInstanceUid' | 'read'>;

/**
 * Stores objects one after the other while they come in.
 *
 * @param storeOne - makes one part of the archive, or says why it cannot be.
 * @throws what reading an object threw, as it is; nothing of that object stays.
 */
export async function storeArriving(
  objects: AsyncIterable<ArrivingObject>,
  storeOne: (object: SingleReading) => Promise<InstanceOutcome>,
): Promise<StoreInstancesResponse> {
  const outcomes = new Map<Uid, InstanceOutcome>();
  for await (const { sopInstanceUid, file } of objects) {
    const reading = new WatchedReading(file);
    const outcome = await storeOne({ sopInstanceUid, read: () => reading.chunks() });
    reading.throwFailure();
    outcomes.set(sopInstanceUid, outcome);
  }
  return { kept: new Map(keptOf(outcomes)), failed: new Map(failedOf(outcomes)) };
}

/** Remembers why reading failed: to the archive an object that broke off is none, and no fault of its own. */
class WatchedReading {
  readonly #file: AsyncIterable<Buffer>;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: AsyncIterable<Buffer>) {
    this.#file = file;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    try {
      yield* this.#file;
    } catch (error) {
      this.#failure = { error };
      throw new ObjectUnreadableError('the object broke off');
    }
  }

  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

function* keptOf(outcomes: ReadonlyMap<Uid, InstanceOutcome>) {
  for (const [uid, outcome] of outcomes) {
    if (outcome.kind !== 'delivered') continue;
    yield [uid, { warningReason: outcome.warningReason }] as const;
  }
}

function* failedOf(outcomes: ReadonlyMap<Uid, InstanceOutcome>) {
  for (const [uid, outcome] of outcomes) {
    if (outcome.kind === 'delivered') continue;
    yield [uid, { failureReason: outcome.failureReason }] as const;
  }
}
