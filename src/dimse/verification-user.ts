import { verificationSopClass } from '../dicom/sop-class.ts';
import { explicitVrLittleEndian, implicitVrLittleEndian } from '../dicom/transfer-syntax.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { formatStatus } from '../translate/c-store-status.ts';
import { commandField } from '../upper-layer/command-set.ts';
import { associate } from './associate.ts';
import type { DimseTarget } from './associate.ts';

/**
 * Asks a peer whether it is there: association, C-ECHO, release (PS3.4 Annex A).
 *
 * @throws BridgeError as {@link associate}, and `peer_refused` when it answers with a failure.
 */
export async function verify(target: DimseTarget): Promise<void> {
  const association = await associate(target, [
    {
      id: 1,
      abstractSyntax: verificationSopClass,
      transferSyntaxes: [explicitVrLittleEndian, implicitVrLittleEndian],
    },
  ]);
  try {
    if (!association.contexts.has(1)) {
      throw new BridgeError('peer_refused', 'the peer does not take the Verification SOP class', {
        transient: false,
      });
    }
    await association.send({
      contextId: 1,
      command: {
        commandField: commandField.cEchoRq,
        messageId: 1,
        affectedSopClassUid: verificationSopClass,
        hasDataSet: false,
      },
    });
    const answer = await association.receive();
    const status = answer?.command.status;
    if (status !== 0) {
      throw new BridgeError(
        'peer_refused',
        status === undefined
          ? 'the peer released without an answer'
          : `the peer answers C-ECHO with ${formatStatus(status)}`,
        { transient: false },
      );
    }
    await association.release();
  } catch (error) {
    association.abort();
    throw error;
  }
}
