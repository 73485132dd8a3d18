import { createHash } from 'node:crypto';
import type { Uid } from '../dicom/uid.ts';
import type { SpoolEntry } from './spool.ts';

/**
 * What an entry's name is made of. It carries all that batching needs, so that a restart opens no
 * file, and nothing a peer wrote: UIDs appear as digests only.
 */
export interface EntryNameFacts extends Omit<SpoolEntry, 'id'> {
  /** Tells apart, and keeps in order, what arrived in the same millisecond. */
  readonly sequence: number;
}

/** An entry as parsed from its name. */
export interface NamedEntry extends SpoolEntry {
  readonly sequence: number;
}

/**
 * Arrival first and of fixed width: sorting names as text sorts by arrival. The association last and
 * not in every name: spools were written before it was there.
 */
const pattern =
  /^(\d{13})-([0-9a-f]{8})-([un])-([a-z0-9]{1,32})-([0-9a-f]{32})-(0|[1-9]\d{0,14})-([0-9a-f]{32})(?:-([0-9a-z]{8}))?$/;

/** An association's name as we make them; anything else would make a name that is not read back. */
const associationPattern = /^[0-9a-z]{8}$/;

const arrivalLength = 13 + 1 + 8 + 1;
const digestLength = 32;

/** Extension of an entry's file. */
export const entryExtension = '.dcm';

/**
 * Writes an entry's name (`SpoolEntry.id`).
 *
 * @param facts - `arrivedAt` in whole milliseconds of 13 digits at most (until the year 2286);
 *   `sequence` an unsigned 32-bit number.
 */
export function formatEntryName(facts: EntryNameFacts): string {
  const arrivedAt = facts.arrivedAt.toString().padStart(13, '0');
  const sequence = facts.sequence.toString(16).padStart(8, '0');
  const urgency = facts.urgent ? 'u' : 'n';
  const { association = '' } = facts;
  const from = associationPattern.test(association) ? `-${association}` : '';
  return ofOnePiece(
    `${arrivedAt}-${sequence}-${urgency}-${facts.destination}-${facts.studyDigest}-${facts.bytes}-${facts.instanceDigest}${from}`,
  );
}

/**
 * The same text as a string by itself. One that V8 glued together or cut out of another keeps those
 * pieces alive: for names, of which the queue has hundreds of thousands, twice the memory.
 */
export function ofOnePiece(name: string): string {
  return Buffer.from(name, 'latin1').toString('latin1');
}

/** Reads a name back; `undefined` when it is none of ours. */
export function parseEntryName(id: string): NamedEntry | undefined {
  const match = pattern.exec(id);
  if (!match) return undefined;
  const [, arrivedAt, sequence, urgency, destination, studyDigest, bytes, instanceDigest] =
    match as unknown as readonly [string, string, string, string, string, string, string, string];
  const association = match[8];
  return {
    id,
    arrivedAt: Number(arrivedAt),
    sequence: Number.parseInt(sequence, 16),
    urgent: urgency === 'u',
    destination,
    studyDigest,
    bytes: Number(bytes),
    instanceDigest,
    ...(association !== undefined && { association }),
  };
}

/** Reads a name that is known to be one. */
export function entryNamed(id: string): NamedEntry {
  const entry = parseEntryName(id);
  if (!entry) throw new TypeError('not the name of an entry');
  return entry;
}

/**
 * The part of a valid name that says which entries may share a batch: urgency, destination, study.
 * A slice, because V8 keeps it as a reference into the name instead of a copy.
 */
export function batchKeyOf(id: string, destination: string): string {
  return id.slice(
    arrivalLength,
    arrivalLength + 'u-'.length + destination.length + '-'.length + digestLength,
  );
}

/** Half a SHA-256: 128 bits tell apart more UIDs than will ever be made. */
export function digestUid(uid: Uid): string {
  return createHash('sha256').update(uid).digest('hex').slice(0, digestLength);
}
