import { explicitVrLittleEndian, implicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';

export const octetStream = 'application/octet-stream';

/** Media type of one frame, by what follows 1.2.840.10008.1.2. (PS3.18 Table 8.7.3-5). */
const mediaTypes: Readonly<Record<string, string>> = {
  '4.50': 'image/jpeg',
  '4.51': 'image/jpeg',
  '4.57': 'image/jpeg',
  '4.70': 'image/jpeg',
  '5': 'image/dicom-rle',
  '4.80': 'image/jls',
  '4.81': 'image/jls',
  '4.90': 'image/jp2',
  '4.91': 'image/jp2',
  '4.92': 'image/jpx',
  '4.93': 'image/jpx',
  '4.100': 'video/mpeg',
  '4.101': 'video/mpeg',
  '4.102': 'video/mp4',
  '4.103': 'video/mp4',
  '4.104': 'video/mp4',
  '4.105': 'video/mp4',
  '4.106': 'video/mp4',
  '4.107': 'video/h265',
  '4.108': 'video/h265',
  '4.110': 'image/jxl',
  '4.111': 'image/jxl',
  '4.112': 'image/jxl',
  '4.201': 'image/jphc',
  '4.202': 'image/jphc',
  '4.203': 'image/jphc',
};

const uncompressed: readonly string[] = [explicitVrLittleEndian, implicitVrLittleEndian];

/** Media type that compressed pixel data of a transfer syntax have; of an unknown one, only bytes. */
export function compressedMediaType(transferSyntaxUid: Uid): string {
  return mediaTypes[transferSyntaxUid.replace(/^1\.2\.840\.10008\.1\.2\./, '')] ?? octetStream;
}

/** The form in which somebody asks for frames. */
interface WantedForm {
  readonly mediaType: string;
  readonly transferSyntax?: string | undefined;
}

/**
 * Says in what form stored frames go to whoever asks for a form: as they are, or not at all.
 *
 * Plain frames are Little Endian bytes, whichever transfer syntax their object was stored in. Compressed
 * ones have a media type of their own, and go under it too to who asks for bytes in any transfer syntax,
 * as viewers do (`type=application/octet-stream; transfer-syntax=*`); Orthanc does the same.
 *
 * @throws {@link NotAcceptableError} saying how they can be had.
 * @see PS3.18 §8.7.3.3
 */
export function formOfFrames(
  stored: { readonly transferSyntaxUid: Uid; readonly isCompressed: boolean },
  { mediaType, transferSyntax }: WantedForm,
): { readonly mediaType: string; readonly transferSyntaxUid: string } {
  const { transferSyntaxUid, isCompressed } = stored;
  const isAsStored = transferSyntax === '*' || transferSyntax === transferSyntaxUid;
  if (!isCompressed) {
    const isPlain = transferSyntax === undefined || uncompressed.includes(transferSyntax);
    if (mediaType === octetStream && (isPlain || isAsStored)) {
      return { mediaType, transferSyntaxUid: explicitVrLittleEndian };
    }
    throw new NotAcceptableError(
      'this archive compresses nothing: these frames can be had as application/octet-stream',
    );
  }
  const own = compressedMediaType(transferSyntaxUid);
  const isOwnType = mediaType === own && mediaType !== octetStream;
  if (isAsStored ? isOwnType || mediaType === octetStream : isOwnType && !transferSyntax) {
    return { mediaType: own, transferSyntaxUid };
  }
  throw new NotAcceptableError(
    `this archive decodes nothing: these frames can be had as ${own}; transfer-syntax=${transferSyntaxUid}`,
  );
}
