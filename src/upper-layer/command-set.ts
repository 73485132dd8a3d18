import { ProtocolViolationError } from '../errors/association-errors.ts';

/**
 * A command set (PS3.7 §6.3.1, Annex E), typed. Texts are the peer's, without their padding but
 * otherwise as received: parse before use or logging.
 */
export interface CommandSet {
  /** (0000,0100) */
  readonly commandField: number;
  /** (0000,0110) */
  readonly messageId?: number;
  /** (0000,0120) */
  readonly messageIdBeingRespondedTo?: number;
  /** (0000,0002) */
  readonly affectedSopClassUid?: string;
  /** (0000,0003) */
  readonly requestedSopClassUid?: string;
  /** (0000,1000) */
  readonly affectedSopInstanceUid?: string;
  /** (0000,1001) */
  readonly requestedSopInstanceUid?: string;
  /** (0000,0700) */
  readonly priority?: number;
  /** (0000,0800) is not 0101H. */
  readonly hasDataSet: boolean;
  /** (0000,0900) */
  readonly status?: number;
  /** (0000,0901), each tag as `0xGGGGEEEE`. */
  readonly offendingElements?: readonly number[];
  /** (0000,0902); written cut to 64 printable ASCII characters. */
  readonly errorComment?: string;
  /** (0000,0903) */
  readonly errorId?: number;
  /** (0000,0600) */
  readonly moveDestination?: string;
  /** (0000,1030) */
  readonly moveOriginatorAeTitle?: string;
  /** (0000,1031) */
  readonly moveOriginatorMessageId?: number;
  /** (0000,1020) */
  readonly numberOfRemainingSubOperations?: number;
  /** (0000,1021) */
  readonly numberOfCompletedSubOperations?: number;
  /** (0000,1022) */
  readonly numberOfFailedSubOperations?: number;
  /** (0000,1023) */
  readonly numberOfWarningSubOperations?: number;
  /** (0000,1002) */
  readonly eventTypeId?: number;
  /** (0000,1008) */
  readonly actionTypeId?: number;
}

/** Command Field (0000,0100) (PS3.7 Table E.1-1). A response is its request with the top bit set. */
export const commandField = {
  cStoreRq: 0x0001,
  cStoreRsp: 0x8001,
  cGetRq: 0x0010,
  cGetRsp: 0x8010,
  cFindRq: 0x0020,
  cFindRsp: 0x8020,
  cMoveRq: 0x0021,
  cMoveRsp: 0x8021,
  cEchoRq: 0x0030,
  cEchoRsp: 0x8030,
  nEventReportRq: 0x0100,
  nEventReportRsp: 0x8100,
  nGetRq: 0x0110,
  nGetRsp: 0x8110,
  nSetRq: 0x0120,
  nSetRsp: 0x8120,
  nActionRq: 0x0130,
  nActionRsp: 0x8130,
  nCreateRq: 0x0140,
  nCreateRsp: 0x8140,
  nDeleteRq: 0x0150,
  nDeleteRsp: 0x8150,
  cCancelRq: 0x0fff,
} as const;

/** Longest command set we read or write; real ones have a few hundred bytes. */
export const maxCommandSetBytes = 64 * 1024;

type Field = Exclude<keyof CommandSet, 'hasDataSet'>;
type Representation = 'US' | 'UI' | 'AE' | 'LO' | 'AT';

const dataSetType = 0x0800;
const noDataSet = 0x0101;

/** Group 0000 elements we carry, ascending, so that what is written is ascending (PS3.7 §6.3.1). */
const elements: readonly (readonly [element: number, field: Field, vr: Representation])[] = [
  [0x0002, 'affectedSopClassUid', 'UI'],
  [0x0003, 'requestedSopClassUid', 'UI'],
  [0x0100, 'commandField', 'US'],
  [0x0110, 'messageId', 'US'],
  [0x0120, 'messageIdBeingRespondedTo', 'US'],
  [0x0600, 'moveDestination', 'AE'],
  [0x0700, 'priority', 'US'],
  [0x0900, 'status', 'US'],
  [0x0901, 'offendingElements', 'AT'],
  [0x0902, 'errorComment', 'LO'],
  [0x0903, 'errorId', 'US'],
  [0x1000, 'affectedSopInstanceUid', 'UI'],
  [0x1001, 'requestedSopInstanceUid', 'UI'],
  [0x1002, 'eventTypeId', 'US'],
  [0x1008, 'actionTypeId', 'US'],
  [0x1020, 'numberOfRemainingSubOperations', 'US'],
  [0x1021, 'numberOfCompletedSubOperations', 'US'],
  [0x1022, 'numberOfFailedSubOperations', 'US'],
  [0x1023, 'numberOfWarningSubOperations', 'US'],
  [0x1030, 'moveOriginatorAeTitle', 'AE'],
  [0x1031, 'moveOriginatorMessageId', 'US'],
];

const byElement = new Map(elements.map((row) => [row[0], row]));

/** Writes a command set in Implicit VR Little Endian, group length first (PS3.7 §6.3.1). */
export function encodeCommandSet(command: CommandSet): Buffer {
  const parts: Buffer[] = [];
  let total = 0;
  const add = (element: number, value: Buffer): void => {
    const header = Buffer.allocUnsafe(8);
    header.writeUInt32LE(element << 16, 0);
    header.writeUInt32LE(value.length, 4);
    parts.push(header, value);
    total += 8 + value.length;
  };
  let dataSetTypeWritten = false;
  for (const [element, field, vr] of elements) {
    if (!dataSetTypeWritten && element > dataSetType) {
      add(dataSetType, uint16(command.hasDataSet ? 0x0001 : noDataSet));
      dataSetTypeWritten = true;
    }
    const value = command[field];
    if (value !== undefined) add(element, encodeValue(vr, value));
  }
  const groupLength = Buffer.alloc(12);
  groupLength.writeUInt32LE(4, 4);
  groupLength.writeUInt32LE(total, 8);
  return Buffer.concat([groupLength, ...parts]);
}

function encodeValue(vr: Representation, value: string | number | readonly number[]): Buffer {
  if (typeof value === 'number') return uint16(value);
  if (typeof value === 'string') return encodeText(vr, value);
  const bytes = Buffer.alloc(value.length * 4);
  value.forEach((tag, index) => {
    bytes.writeUInt16LE(tag >>> 16, index * 4);
    bytes.writeUInt16LE(tag & 0xffff, index * 4 + 2);
  });
  return bytes;
}

function encodeText(vr: Representation, value: string): Buffer {
  // A comment may quote the world: what LO does not allow in the default repertoire (PS3.5 §6.2)
  // becomes a question mark, so that no character set has to be declared.
  const text = vr === 'LO' ? value.slice(0, 64).replace(/[^\x20-\x5b\x5d-\x7e]/g, '?') : value;
  const padding = text.length % 2 === 0 ? '' : vr === 'UI' ? '\0' : ' ';
  return Buffer.from(text + padding, 'latin1');
}

function uint16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

/**
 * Reads a command set. A wrong group length is tolerated, elements of group 0000 that we do not
 * carry are passed over, their order does not matter.
 *
 * @throws {@link ProtocolViolationError} for truncated or lying bytes, foreign groups, repeated
 *   elements, and when Command Field or Command Data Set Type is missing.
 */
export function decodeCommandSet(bytes: Buffer): CommandSet {
  const values: Partial<Record<Field, string | number | readonly number[]>> = {};
  const seen = new Set<number>();
  let hasDataSet: boolean | undefined;
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 8 > bytes.length) throw new ProtocolViolationError('command set is cut short');
    const element = bytes.readUInt16LE(offset + 2);
    const start = offset + 8;
    const end = start + bytes.readUInt32LE(offset + 4);
    if (bytes.readUInt16LE(offset) !== 0) {
      throw new ProtocolViolationError('command set holds an element outside group 0000');
    }
    if (end > bytes.length)
      throw new ProtocolViolationError('command element reaches past the end');
    if (seen.has(element)) throw new ProtocolViolationError('command element appears twice');
    seen.add(element);
    offset = end;

    const value = bytes.subarray(start, end);
    if (element === dataSetType) {
      hasDataSet = readUint16(value) !== noDataSet;
      continue;
    }
    const row = byElement.get(element);
    // Present without a value says as little as absent.
    if (row !== undefined && value.length > 0) values[row[1]] = decodeValue(row[2], value);
  }
  if (typeof values.commandField !== 'number' || hasDataSet === undefined) {
    throw new ProtocolViolationError('command set lacks Command Field or Command Data Set Type');
  }
  // Every value was decoded by the representation its field is declared with above.
  return { ...values, hasDataSet } as CommandSet;
}

function decodeValue(vr: Representation, value: Buffer): string | number | readonly number[] {
  switch (vr) {
    case 'US':
      return readUint16(value);
    case 'AT': {
      if (value.length % 4 !== 0) throw new ProtocolViolationError('tag list is cut short');
      const tags: number[] = [];
      for (let at = 0; at < value.length; at += 4) {
        tags.push(value.readUInt16LE(at) * 0x10000 + value.readUInt16LE(at + 2));
      }
      return tags;
    }
    case 'UI':
    case 'AE':
    case 'LO':
      return value.toString('latin1').replace(/[\0 ]+$/, '');
  }
}

function readUint16(value: Buffer): number {
  if (value.length !== 2) throw new ProtocolViolationError('command element is not 2 bytes long');
  return value.readUInt16LE();
}
