import { explicitVrLittleEndian } from '../dicom/transfer-syntax.ts';
import type { Offer, Representation } from './accept.ts';
import type { ResourceLevel } from './dicomweb-request.ts';

const single = (mediaType: string): Representation => ({ framing: 'single', mediaType });
const multipart = (mediaType: string): Representation => ({ framing: 'multipart', mediaType });

/** Data sets in the DICOM JSON Model; `application/json` is what many call it (PS3.18 §8.7.3.2). */
export const jsonOffer: Offer = {
  forms: [single('application/dicom+json'), single('application/json')],
  // A transfer syntax would be that of bulk data within, which we do not send.
  onRequest: ({ framing, mediaType }) =>
    framing === 'single' && /^application\/(?:dicom\+)?json$/.test(mediaType),
};

/** Pictures for people (PS3.18 §8.7.4). */
export const renderedOffer: Offer = {
  forms: [single('image/jpeg'), single('image/png')],
};

/** Objects; a single one may come without multipart around it (PS3.18 §10.4.4). */
export function objectOffer(level: ResourceLevel): Offer {
  const forms = [multipart('application/dicom')];
  if (level === 'instance') forms.push(single('application/dicom'));
  return {
    forms,
    onRequest: ({ framing, mediaType }) =>
      mediaType === 'application/dicom' && (framing === 'multipart' || level === 'instance'),
  };
}

/** Frames: plain, or compressed in one of the transfer syntaxes their media type stands for. */
export const frameOffer: Offer = {
  forms: [
    multipart('application/octet-stream'),
    ...[
      'image/jpeg',
      'image/dicom-rle',
      'image/jls',
      'image/jp2',
      'image/jpx',
      'image/jphc',
      'image/jxl',
      'video/mpeg',
      'video/mp4',
      'video/h265',
    ].map(multipart),
  ],
  // From before they were registered; dicomweb-client 0.11 still sends these.
  aliases: {
    'image/x-dicom-rle': 'image/dicom-rle',
    'image/x-jls': 'image/jls',
    'image/jhc': 'image/jphc',
    'video/mpeg2': 'video/mpeg',
  },
  onRequest: ({ framing, mediaType, transferSyntax }) => {
    if (framing !== 'multipart') return false;
    if (mediaType === 'application/octet-stream') return true;
    const syntaxes = compressedSyntaxes[mediaType];
    if (syntaxes === undefined) return false;
    return transferSyntax === '*' || syntaxes.includes(transferSyntax?.replace(family, '') ?? '');
  },
};

const family = '1.2.840.10008.1.2.';

/** PS3.18 Table 8.7.3-5, below 1.2.840.10008.1.2. */
const compressedSyntaxes: Readonly<Record<string, readonly string[]>> = {
  'image/jpeg': ['4.50', '4.51', '4.57', '4.70'],
  'image/dicom-rle': ['5'],
  'image/jls': ['4.80', '4.81'],
  'image/jp2': ['4.90', '4.91'],
  'image/jpx': ['4.92', '4.93'],
  'image/jphc': ['4.201', '4.202', '4.203'],
  'image/jxl': ['4.110', '4.111', '4.112'],
  'video/mpeg': ['4.100', '4.101'],
  'video/mp4': ['4.102', '4.103', '4.104', '4.105', '4.106'],
  'video/h265': ['4.107', '4.108'],
};

/** Bulk data has whatever media type it was stored with; only that it comes in parts is fixed. */
export const bulkDataOffer: Offer = {
  forms: [multipart('application/octet-stream')],
  onRequest: ({ framing, transferSyntax }) =>
    framing === 'multipart' &&
    (transferSyntax === undefined ||
      transferSyntax === '*' ||
      transferSyntax === explicitVrLittleEndian),
};

/** A picture unless the object is asked for (PS3.18 §9.1.2). */
export const wadoUriOffer: Offer = {
  forms: [...renderedOffer.forms, single('application/dicom')],
};
