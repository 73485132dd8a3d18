import { ProtocolViolationError } from '../errors/association-errors.ts';
import type { BodyTreatment } from './pdu-stream.ts';
import { associateFixedBytes, maxAssociateBytes, pduType } from './pdu.ts';
import { actionFor } from './state-table.ts';
import type { Event, State } from './state-table.ts';

/** What six bytes tell: how to treat the body, or what has happened already. */
export type HeaderVerdict =
  | { readonly kind: 'go-on'; readonly treatment: BodyTreatment }
  /** The PDU is an event by its header alone, and not a welcome one. */
  | {
      readonly kind: 'refuse';
      readonly event: Event;
      readonly error: ProtocolViolationError;
      readonly treatment: 'skip' | 'stop';
    }
  /** An A-ABORT of the wrong length is still an A-ABORT; it only does not say why. */
  | { readonly kind: 'aborted' };

/**
 * Judges a PDU by its header, before any byte of its body is kept: whether the state table has a use
 * for its type now, and whether its length can be right. A refused PDU with a believable length is
 * skipped, so that what follows can still be told apart; after any other the stream makes no sense.
 */
export function judgeHeader(
  state: State,
  header: { readonly type: number; readonly length: number; readonly maxPduBytes: number },
): HeaderVerdict {
  const { type, length } = header;
  const event = eventOfType[type];
  if (event === undefined) {
    return actionFor(state, 'Evt19') === undefined
      ? goOn('stop')
      : refuse('Evt19', new ProtocolViolationError('unrecognised PDU', 1), 'stop');
  }
  switch (actionFor(state, event)) {
    case undefined:
      return goOn('stop');
    case 'AE-3':
    case 'AE-6':
      if (length < associateFixedBytes) return refuseLength('association PDU is too short');
      if (length > maxAssociateBytes) return refuseLength('association PDU is too long');
      return goOn('gather');
    case 'DT-2':
      return length > header.maxPduBytes ? refuseLength(tooLong) : goOn('stream');
    case 'AR-6':
      // What comes after we asked to release is nobody's any more.
      return length > header.maxPduBytes ? refuseLength(tooLong) : goOn('skip');
    case 'AE-4':
    case 'AR-2':
    case 'AR-3':
    case 'AR-8':
    case 'AR-10':
      return length === 4 ? goOn('gather') : refuseLength('PDU has the wrong length');
    case 'AA-2':
    case 'AA-3':
      return length === 4 ? goOn('gather') : { kind: 'aborted' };
    case 'AA-6':
      return goOn('skip');
    case 'AA-1':
    case 'AA-8':
      return refuse(event, new ProtocolViolationError('unexpected PDU', 2), 'skip');
    case 'AA-7':
      // An A-ASSOCIATE-RQ after the end: nothing that follows can be for this association.
      return refuse(event, new ProtocolViolationError('unexpected PDU', 2), 'stop');
    // Of local making; no PDU leads here.
    case 'AA-4':
    case 'AA-5':
    case 'AE-1':
    case 'AE-2':
    case 'AE-5':
    case 'AE-7':
    case 'AE-8':
    case 'AR-1':
    case 'AR-4':
    case 'AR-5':
    case 'AR-7':
    case 'AR-9':
    case 'DT-1':
      return goOn('stop');
  }
}

const tooLong = 'P-DATA-TF is longer than allowed';

const eventOfType: Readonly<Record<number, Event>> = {
  [pduType.associateRequest]: 'Evt6',
  [pduType.associateAccept]: 'Evt3',
  [pduType.associateReject]: 'Evt4',
  [pduType.data]: 'Evt10',
  [pduType.releaseRequest]: 'Evt12',
  [pduType.releaseReply]: 'Evt13',
  [pduType.abort]: 'Evt16',
};

function goOn(treatment: BodyTreatment): HeaderVerdict {
  return { kind: 'go-on', treatment };
}

function refuseLength(message: string): HeaderVerdict {
  return refuse('Evt19', new ProtocolViolationError(message, 6), 'stop');
}

function refuse(
  event: Event,
  error: ProtocolViolationError,
  treatment: 'skip' | 'stop',
): HeaderVerdict {
  return { kind: 'refuse', event, error, treatment };
}
