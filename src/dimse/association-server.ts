import type { AeTitle } from '../dicom/ae-title.ts';
import { verificationSopClass } from '../dicom/sop-class.ts';
import { isStored, storeStatus } from '../translate/c-store-status.ts';
import type { Association, IncomingMessage } from '../upper-layer/association.ts';
import { commandField } from '../upper-layer/command-set.ts';
import type { CommandSet } from '../upper-layer/command-set.ts';
import { drain } from './drain.ts';
import { nextMessage } from './next-message.ts';
import { responseBit, respondTo } from './response.ts';
import { provideStore } from './store-provider.ts';
import type { StoreProvider } from './store-provider.ts';

/** What serves an association, and what it may spend. */
export interface AssociationServices {
  readonly store: StoreProvider;
  readonly maxObjectBytes: number;
  /** Rate at which a data set refused for want of resources is read away. */
  readonly drainBytesPerSecond: number;
}

/** Who asked for the association, and our name for it. */
export interface AssociationNames {
  readonly association: string;
  readonly callingAeTitle: AeTitle;
  readonly calledAeTitle: AeTitle;
}

/** What an association did, for its closing log line. */
export interface AssociationTally {
  objects: number;
  refusedObjects: number;
}

const unrecognizedOperation = 0x0211;

/**
 * Answers one message after the other until the peer releases.
 *
 * Strictly serial: asynchronous operations are negotiated to one (PS3.7 §D.3.3.3), so a pipelining
 * peer's next command waits, and with it, by back-pressure, the peer.
 *
 * @param stopping - aborts when the bridge begins to stop.
 * @throws what the association broke with.
 */
export async function serveAssociation(
  association: Association,
  names: AssociationNames,
  services: AssociationServices,
  tally: AssociationTally,
  stopping: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  void association.closed.then(() => end.abort());
  const requesting = { ...names, ended: end.signal };
  for (;;) {
    const message = await nextMessage(association, stopping);
    if (message === undefined) return;
    const { command, context, dataSet } = message;
    // A response to nothing we asked; PS3.7 has no answer to it.
    if ((command.commandField & responseBit) !== 0) continue;
    if (command.messageId === undefined) {
      association.abort(2, 6);
      return;
    }
    const response = await answer(message);
    if (dataSet !== undefined) {
      const bytesPerSecond =
        response.status === storeStatus.outOfResources ? services.drainBytesPerSecond : undefined;
      if (!(await drain(dataSet, { bytesPerSecond, maxBytes: services.maxObjectBytes }))) {
        association.abort(2, 0);
        return;
      }
    }
    await association.send({ contextId: context.id, command: response });
  }

  async function answer(message: IncomingMessage): Promise<CommandSet> {
    const { command, context } = message;
    const isVerification = context.abstractSyntax === verificationSopClass;
    switch (command.commandField) {
      case commandField.cEchoRq:
        return respondTo(command, {
          status: isVerification ? storeStatus.success : storeStatus.sopClassNotSupported,
        });
      case commandField.cStoreRq: {
        if (isVerification) return respondTo(command, { status: storeStatus.sopClassNotSupported });
        const response = await provideStore(message, requesting, services.store);
        if (isStored(response.status ?? storeStatus.processingFailure)) tally.objects += 1;
        else tally.refusedObjects += 1;
        return response;
      }
      default:
        return respondTo(command, { status: unrecognizedOperation });
    }
  }
}
