import { explicitVrLittleEndian, implicitVrLittleEndian } from '../../src/dicom/transfer-syntax.ts';
import { parseUid } from '../../src/dicom/uid.ts';
import type { Part10Source } from '../../src/dicom/instance.ts';
import type { Uid } from '../../src/dicom/uid.ts';

/** Secondary Capture Image Storage. */
const secondaryCapture = '1.2.840.10008.5.1.4.1.1.7';

interface ObjectOptions {
  readonly study?: string;
  readonly series?: string;
  readonly sop?: string;
  readonly sopClass?: string;
  readonly patientId?: string;
  readonly modality?: string;
  readonly transferSyntax?: string;
  /** Bytes of pixel data; 2 by default. */
  readonly pixelBytes?: number;
}

let counter = 0;

/** A UID nobody else has in this run. */
export function newUid(): Uid {
  counter += 1;
  return uid(`2.25.${BigInt(Date.now())}${process.pid}${counter}`);
}

export function uid(text: string): Uid {
  const parsed = parseUid(text);
  if (parsed === undefined) throw new Error(`${text} is no UID`);
  return parsed;
}

/**
 * A small, whole Part 10 file that archives accept: preamble, group 0002, and a data set in
 * Implicit or Explicit VR Little Endian.
 */
export function buildPart10(options: ObjectOptions = {}): Buffer {
  const sop = options.sop ?? newUid();
  const sopClass = options.sopClass ?? secondaryCapture;
  const transferSyntax = options.transferSyntax ?? explicitVrLittleEndian;
  const meta = Buffer.concat([
    element(0x00020001, 'OB', Buffer.from([0, 1]), true),
    element(0x00020002, 'UI', padded(sopClass, '\0'), true),
    element(0x00020003, 'UI', padded(sop, '\0'), true),
    element(0x00020010, 'UI', padded(transferSyntax, '\0'), true),
    element(0x00020012, 'UI', padded('2.25.1', '\0'), true),
  ]);
  const metaLength = Buffer.alloc(4);
  metaLength.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from('DICM'),
    element(0x00020000, 'UL', metaLength, true),
    meta,
    dataSet({ ...options, sop, sopClass }, transferSyntax !== implicitVrLittleEndian),
  ]);
}

/** A source as the spool gives one, over a buffer. */
export function part10Source(
  file: Buffer,
  identity: { readonly sop: string; readonly transferSyntax?: string },
  chunkBytes = 65_536,
): Part10Source {
  return {
    sopInstanceUid: uid(identity.sop),
    sopClassUid: uid(secondaryCapture),
    transferSyntaxUid: uid(identity.transferSyntax ?? explicitVrLittleEndian),
    bytes: file.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- the port is asynchronous
    async *read() {
      for (let at = 0; at < file.length; at += chunkBytes) yield file.subarray(at, at + chunkBytes);
    },
  };
}

function dataSet(
  object: ObjectOptions & { readonly sop: string; readonly sopClass: string },
  explicit: boolean,
): Buffer {
  const short = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
  return Buffer.concat([
    element(0x00080016, 'UI', padded(object.sopClass, '\0'), explicit),
    element(0x00080018, 'UI', padded(object.sop, '\0'), explicit),
    element(0x00080060, 'CS', padded(object.modality ?? 'OT', ' '), explicit),
    element(0x00100010, 'PN', padded('Test^Object', ' '), explicit),
    element(0x00100020, 'LO', padded(object.patientId ?? 'DRAWBRIDGE', ' '), explicit),
    element(0x0020000d, 'UI', padded(object.study ?? newUid(), '\0'), explicit),
    element(0x0020000e, 'UI', padded(object.series ?? newUid(), '\0'), explicit),
    element(0x00200013, 'IS', padded('1', ' '), explicit),
    element(0x00280010, 'US', short(1), explicit),
    element(0x00280011, 'US', short(1), explicit),
    element(0x7fe00010, 'OW', pixels(object.pixelBytes ?? 2), explicit),
  ]);
}

/** No two places alike, so that bytes that went astray are noticed. */
function pixels(bytes: number): Buffer {
  const words = Uint32Array.from(
    { length: Math.ceil(bytes / 4) },
    (_, index) => index * 2_654_435_761,
  );
  return Buffer.from(words.buffer, 0, bytes);
}

const longVrs: ReadonlySet<string> = new Set(['OB', 'OW', 'UN', 'SQ', 'UT']);

/** One data element (PS3.5 §7.1). */
function element(tag: number, vr: string, value: Buffer, explicit: boolean): Buffer {
  const long = !explicit || longVrs.has(vr);
  const head = Buffer.alloc(explicit && long ? 12 : 8);
  head.writeUInt16LE(tag >>> 16, 0);
  head.writeUInt16LE(tag & 0xffff, 2);
  if (explicit) head.write(vr, 4, 'latin1');
  if (long) head.writeUInt32LE(value.length, head.length - 4);
  else head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
}

function padded(text: string, pad: string): Buffer {
  return Buffer.from(text.length % 2 === 0 ? text : text + pad, 'latin1');
}
