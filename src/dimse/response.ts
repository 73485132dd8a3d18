import type { StoreStatus } from '../translate/c-store-status.ts';
import type { CommandSet } from '../upper-layer/command-set.ts';

/** Set in the Command Field of every response (PS3.7 §E.1). */
export const responseBit = 0x8000;

/** The response to a request, echoing its Message ID and UIDs as they came (PS3.7 §9.3). */
export function respondTo(command: CommandSet, status: StoreStatus): CommandSet {
  const { affectedSopClassUid, affectedSopInstanceUid } = command;
  return {
    commandField: command.commandField | responseBit,
    messageIdBeingRespondedTo: command.messageId ?? 0,
    ...(affectedSopClassUid !== undefined && { affectedSopClassUid }),
    ...(affectedSopInstanceUid !== undefined && { affectedSopInstanceUid }),
    hasDataSet: false,
    ...status,
  };
}
