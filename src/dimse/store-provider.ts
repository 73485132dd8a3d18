import type { AeTitle } from '../dicom/ae-title.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import { storeStatus } from '../translate/c-store-status.ts';
import type { StoreStatus } from '../translate/c-store-status.ts';
import type { CommandSet } from '../upper-layer/command-set.ts';
import { respondTo } from './response.ts';
import type { DataSetStream, IncomingMessage } from '../upper-layer/association.ts';

/** The association a request comes by. */
export interface RequestingAssociation {
  readonly callingAeTitle: AeTitle;
  readonly calledAeTitle: AeTitle;
  /** Our name for it. */
  readonly association: string;
  /** Aborts when it has ended: nobody is left to answer. */
  readonly ended: AbortSignal;
}

/** One C-STORE request whose data set is still arriving (PS3.7 §9.1.1). */
export interface StoreRequest extends RequestingAssociation {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** The command's Priority (0000,0700) is HIGH. */
  readonly urgent: boolean;
  readonly dataSet: DataSetStream;
}

/** Whoever keeps objects that arrive by C-STORE. */
export interface StoreProvider {
  /**
   * Takes the object and says what to answer; a success only when the object is safe. Every fault
   * becomes a status: it rejects only when the association broke, when nobody is left to answer.
   */
  store(request: StoreRequest): Promise<StoreStatus>;
}

const highPriority = 0x0001;

/** Answers one C-STORE-RQ. The caller drains what is left of the data set afterwards. */
export async function provideStore(
  message: IncomingMessage,
  association: RequestingAssociation,
  provider: StoreProvider,
): Promise<CommandSet> {
  const { command, context, dataSet } = message;
  const status = await decide();
  return respondTo(command, status);

  async function decide(): Promise<StoreStatus> {
    const sopClassUid = parseUid(command.affectedSopClassUid ?? '');
    const sopInstanceUid = parseUid(command.affectedSopInstanceUid ?? '');
    const transferSyntaxUid = parseUid(context.transferSyntax);
    if (sopInstanceUid === undefined) {
      return {
        status: storeStatus.invalidSopInstance,
        errorComment: 'Affected SOP Instance UID is no valid UID',
      };
    }
    if (sopClassUid === undefined || sopClassUid !== context.abstractSyntax) {
      return {
        status: storeStatus.sopClassNotSupported,
        errorComment: 'SOP class is not the one of the presentation context',
      };
    }
    if (dataSet === undefined || transferSyntaxUid === undefined) {
      return { status: storeStatus.cannotUnderstand, errorComment: 'C-STORE without a data set' };
    }
    return provider.store({
      ...association,
      sopClassUid,
      sopInstanceUid,
      transferSyntaxUid,
      urgent: command.priority === highPriority,
      dataSet,
    });
  }
}
