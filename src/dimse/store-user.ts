import type { Uid } from '../dicom/uid.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import type { Association } from '../upper-layer/association.ts';
import { commandField } from '../upper-layer/command-set.ts';
import type { CommandSet } from '../upper-layer/command-set.ts';
import type { ProposedContext } from '../upper-layer/negotiation.ts';
import { associate } from './associate.ts';
import type { DimseTarget } from './associate.ts';

/** An object that can be sent by C-STORE, in the transfer syntax it is stored in. */
export interface ObjectToSend {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** The data set without preamble and group 0002. */
  dataSet(): AsyncIterable<Buffer>;
}

/** What the peer said of one object. */
export type SendResult =
  /** Success or warning (PS3.7 Annex C): the peer has it. */
  | { readonly kind: 'stored'; readonly status: number }
  | { readonly kind: 'refused'; readonly status: number; readonly errorComment?: string }
  /** No presentation context was accepted for its SOP class and transfer syntax. */
  | { readonly kind: 'no-context' };

const maximumContexts = 128;

/**
 * Sends objects one after the other on as few associations as their kinds allow.
 *
 * Each pair of SOP class and transfer syntax gets a presentation context of its own, so that the
 * peer cannot accept a syntax the object is not in.
 *
 * @returns nothing; each result goes to `onResult` in the order of `objects`.
 * @throws BridgeError as {@link associate}, and what an association broke with.
 */
export async function sendObjects<Item extends ObjectToSend>(
  target: DimseTarget,
  objects: readonly Item[],
  onResult: (object: Item, result: SendResult) => void,
): Promise<void> {
  for (const group of groupByContexts(objects)) {
    const association = await associate(target, group.contexts);
    try {
      let messageId = 0;
      for (const object of group.objects) {
        messageId = (messageId % 0xffff) + 1;
        onResult(object, await sendOne(association, object, messageId));
      }
      await association.release();
    } catch (error) {
      association.abort();
      throw error;
    }
  }
}

async function sendOne(
  association: Association,
  object: ObjectToSend,
  messageId: number,
): Promise<SendResult> {
  const context = [...association.contexts.values()].find(
    ({ abstractSyntax, transferSyntax }) =>
      abstractSyntax === object.sopClassUid && transferSyntax === object.transferSyntaxUid,
  );
  if (context === undefined) return { kind: 'no-context' };
  await association.send({
    contextId: context.id,
    command: storeRequest(object, messageId),
    dataSet: object.dataSet(),
  });
  const answer = await association.receive();
  const { status, errorComment, messageIdBeingRespondedTo } = answer?.command ?? {};
  if (status === undefined || messageIdBeingRespondedTo !== messageId) {
    throw new BridgeError('peer_refused', 'the peer did not answer the C-STORE request', {
      transient: true,
    });
  }
  if (status === 0 || (status & 0xf000) === 0xb000) return { kind: 'stored', status };
  return { kind: 'refused', status, ...(errorComment !== undefined && { errorComment }) };
}

/** The C-STORE-RQ for an object, at MEDIUM priority (PS3.7 §9.3.1.1). */
export function storeRequest(
  { sopClassUid, sopInstanceUid }: Pick<ObjectToSend, 'sopClassUid' | 'sopInstanceUid'>,
  messageId: number,
): CommandSet {
  return {
    commandField: commandField.cStoreRq,
    messageId,
    affectedSopClassUid: sopClassUid,
    affectedSopInstanceUid: sopInstanceUid,
    priority: 0,
    hasDataSet: true,
  };
}

interface ContextGroup<Item> {
  readonly contexts: ProposedContext[];
  readonly objects: Item[];
}

/** Cuts the list where an association's 128 presentation contexts would not suffice (PS3.8 §9.3.2.2). */
function groupByContexts<Item extends ObjectToSend>(
  objects: readonly Item[],
): ContextGroup<Item>[] {
  const groups: ContextGroup<Item>[] = [];
  let group: ContextGroup<Item> | undefined;
  let known = new Set<string>();
  for (const object of objects) {
    const key = `${object.sopClassUid} ${object.transferSyntaxUid}`;
    if (group === undefined || (!known.has(key) && known.size === maximumContexts)) {
      group = { contexts: [], objects: [] };
      groups.push(group);
      known = new Set();
    }
    if (!known.has(key)) {
      known.add(key);
      group.contexts.push({
        id: known.size * 2 - 1,
        abstractSyntax: object.sopClassUid,
        transferSyntaxes: [object.transferSyntaxUid],
      });
    }
    group.objects.push(object);
  }
  return groups;
}
