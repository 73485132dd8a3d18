import { associate } from '../../../src/dimse/associate.ts';
import type { DimseTarget } from '../../../src/dimse/associate.ts';
import { storeRequest } from '../../../src/dimse/store-user.ts';
import type { SendResult } from '../../../src/dimse/store-user.ts';
import type { SentObject } from './sent-object.ts';

/** An object of the storm. */
export interface StormObject extends SentObject {
  /** Sent with Priority HIGH. */
  readonly isUrgent: boolean;
  /** The archive never takes it, whoever sends it. */
  readonly isUnwelcome: boolean;
}

/** PS3.7 §9.3.1.1: (0000,0700). */
const high = 1;

/**
 * Like `sendObjects`, but each object with its own priority, and as much as was answered of a
 * success counts, whatever becomes of the association afterwards.
 */
export async function sendStorm(
  target: DimseTarget,
  objects: readonly StormObject[],
  onResult: (object: StormObject, result: SendResult) => void,
): Promise<void> {
  const kinds = [...new Set(objects.map(kindOf))];
  const association = await associate(
    target,
    kinds.map((kind, index) => {
      const [abstractSyntax = '', transferSyntax = ''] = kind.split(' ');
      return { id: 2 * index + 1, abstractSyntax, transferSyntaxes: [transferSyntax] };
    }),
  );
  try {
    for (const [index, object] of objects.entries()) {
      const command = storeRequest(object, index + 1);
      await association.send({
        contextId: 2 * kinds.indexOf(kindOf(object)) + 1,
        command: object.isUrgent ? { ...command, priority: high } : command,
        dataSet: object.dataSet(),
      });
      const status = (await association.receive())?.command.status;
      if (status === undefined) throw new Error('released in the middle');
      onResult(object, { kind: status === 0 ? 'stored' : 'refused', status });
    }
    await association.release();
  } catch (error) {
    association.abort();
    throw error;
  }
}

function kindOf({ sopClassUid, transferSyntaxUid }: SentObject): string {
  return `${sopClassUid} ${transferSyntaxUid}`;
}
