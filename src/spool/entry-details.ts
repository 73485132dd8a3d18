import { inflateRawSync, constants } from 'node:zlib';
import { DataSetWalker } from '../dicom/data-set-walker.ts';
import { decodeFileHeader } from '../dicom/part10.ts';
import { dataSetEncodingOf } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { FileOperations } from './file-operations.ts';
import type { EntryDetails, QueuedEntry } from './queue-desk.ts';
import { readHead } from './spool-source.ts';

const modalityTag = 0x00080060;
const studyInstanceUidTag = 0x0020000d;
const seriesInstanceUidTag = 0x0020000e;
const wantedTags: ReadonlySet<number> = new Set([
  modalityTag,
  studyInstanceUidTag,
  seriesInstanceUidTag,
]);

/** Series Instance UID stands behind nothing long in real objects: no icon, no pixel data. */
const headBytes = 256 * 1024;
/** Deflate packs a thousandfold at most (RFC 1951), so this can become 8 MiB and no more. */
const deflatedHeadBytes = 8 * 1024;

/**
 * Reads what the head of an entry's file says beyond its name; where the head is broken or too
 * short, what could be had of it.
 *
 * @throws {@link SpoolUnavailableError} when not even group 0002 can be read.
 */
export async function readDetails(
  queued: QueuedEntry,
  fd: number,
  files: FileOperations,
): Promise<EntryDetails> {
  const head = await readHead(fd, Math.min(headBytes, files.size(fd)), files);
  const header = decodeFileHeader(head);
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = header ?? {};
  if (!header || !sopClassUid || !sopInstanceUid || !transferSyntaxUid) {
    throw new SpoolUnavailableError('the file header of an object cannot be read', undefined);
  }
  const walked = walk(head.subarray(header.dataSetOffset), transferSyntaxUid);
  return {
    ...queued,
    ...{ sopClassUid, sopInstanceUid, transferSyntaxUid },
    studyInstanceUid: uidIn(walked.value(studyInstanceUidTag)),
    seriesInstanceUid: uidIn(walked.value(seriesInstanceUidTag)),
    modality: codeIn(walked.value(modalityTag)),
    callingAeTitle: header.sendingAeTitle,
    calledAeTitle: header.receivingAeTitle,
  };
}

function walk(dataSet: Buffer, transferSyntaxUid: string): DataSetWalker {
  const encoding = dataSetEncodingOf(transferSyntaxUid);
  const walker = new DataSetWalker(encoding, wantedTags);
  try {
    walker.push(encoding.deflated ? inflateHead(dataSet) : dataSet);
  } catch {
    // Broken further on, or no deflate stream: what was read until there stands.
  }
  return walker;
}

/** What the first bytes of a deflate stream give: it need not be whole. */
function inflateHead(deflated: Buffer): Buffer {
  const head = deflated.subarray(0, deflatedHeadBytes);
  return inflateRawSync(head, { finishFlush: constants.Z_SYNC_FLUSH });
}

function uidIn(value: Buffer | undefined): string | undefined {
  return value === undefined ? undefined : parseUid(value.toString('latin1'));
}

/** A code string (PS3.5 §6.2): anything else is not shown, least of all what a device put there. */
function codeIn(value: Buffer | undefined): string | undefined {
  const text = value?.toString('latin1').trim();
  return text !== undefined && /^[A-Z0-9_ ]{1,16}$/.test(text) ? text : undefined;
}
