import { explicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import type { BridgeError } from '../../errors/bridge-error.ts';
import { InvalidQuestionError, NotAcceptableError } from '../../errors/request-errors.ts';
import type {
  BulkDataRequest,
  FramesRequest,
  RenderedRequest,
  RetrieveRequest,
} from '../../translate/dicomweb-request.ts';
import { notFound } from './relay-fault.ts';
import { storedOtherwise } from './relay-parts.ts';
import { acceptParts, standardQuestion } from './relay-question.ts';
import type { FormedRequest, OriginSaying, RelayQuestion } from './relay-question.ts';

/** Orthanc's own error numbers, as its JSON says them (OrthancEnumerations.h). */
const orthancErrors = { notImplemented: 2, parameterOutOfRange: 3 } as const;

const plain = 'application/octet-stream';

/**
 * Its plugin does not decode the values of a search, so that `%5E` matches nothing where `^` does, and
 * a comma always separates. What cannot stand in a URL as it is becomes a wildcard: the search may then
 * find a little more, where with the character it would find nothing.
 */
export function orthancQueryValue(value: string): string {
  if (uidList.test(value)) return value;
  // It compares letters beyond ASCII once without their accents and once as their UTF-8 bytes.
  return value.replace(/[^ -~]+/g, '*').replace(/[^A-Za-z0-9\-._~!$'()*;:@/?^=|]/g, '?');
}

const uidList = /^[0-9.]+(?:,[0-9.]+)*$/;

/**
 * Never asks it to compress: with GDCM, a request for JPEG 2000 or JPEG-LS takes the process down
 * (SIGSEGV). It is asked for what it has, and the answer is compared with what is wanted; what it can
 * do without danger is to decompress to Explicit VR Little Endian, the standard's default.
 */
export function orthancQuestions(request: FormedRequest): readonly RelayQuestion[] {
  switch (request.kind) {
    case 'retrieve':
      return [objectQuestion(request)];
    case 'frames':
      return frameQuestions(request);
    case 'bulkdata':
      return bulkDataQuestions(request);
    case 'rendered':
    case 'thumbnail':
      return renderedQuestions(request);
  }
}

function objectQuestion(request: RetrieveRequest): RelayQuestion {
  const { transferSyntax: wanted = explicitVrLittleEndian, ...rest } = request;
  if (wanted === explicitVrLittleEndian) {
    return { ...standardQuestion(rest), judge: judgeConversion };
  }
  const asStored = standardQuestion({ ...rest, transferSyntax: '*' });
  return wanted === '*' ? asStored : { ...asStored, transferSyntax: wanted };
}

/** It answers 500 for what it cannot decompress; that is no trouble which passes. */
function judgeConversion({ status, orthancStatus }: OriginSaying): BridgeError | undefined {
  if (status !== 500 || orthancStatus === undefined) return undefined;
  return new NotAcceptableError(
    'the archive cannot convert it; with transfer-syntax=* it comes as it is stored',
  );
}

function frameQuestions(request: FramesRequest): readonly RelayQuestion[] {
  const { path } = standardQuestion(request);
  const { mediaType } = request;
  const wanted = request.transferSyntax ?? (mediaType === plain ? explicitVrLittleEndian : '*');
  const isPlainWanted = mediaType === plain && wanted === explicitVrLittleEndian;
  const canBeConverted = mediaType === plain && (wanted === '*' || isPlainWanted);
  return [
    {
      path,
      accept: acceptParts(plain, '*'),
      judge: (answer) => {
        const otherwise = canBeConverted ? 'next' : storedOtherwise();
        if (answer.status !== 200) {
          // For deflated, big endian and fragmented objects another form of the same frames will do.
          return frameFault(answer) ?? (isRefusal(answer) ? otherwise : undefined);
        }
        const isFit =
          (mediaType === plain || mediaType === answer.mediaType) &&
          (wanted === '*' || wanted === answer.transferSyntax);
        return isFit ? 'take' : otherwise;
      },
    },
    // Only after the first: what it does not know how to decompress (HTJ2K) it would hand out as it is
    // and call it plain, and there the first question has been refused.
    ...(canBeConverted
      ? [
          {
            path,
            accept: acceptParts(plain),
            judge: (answer: OriginSaying) => frameFault(answer) ?? judgeConversion(answer),
          },
        ]
      : []),
  ];
}

function frameFault({ status, orthancStatus }: OriginSaying): BridgeError | undefined {
  if (status === 400 && orthancStatus === orthancErrors.parameterOutOfRange) return notFound();
  // The object has no frames, or is compressed in a way it does not know.
  if (status === 500 && orthancStatus === orthancErrors.notImplemented) {
    return new NotAcceptableError('the archive cannot take frames out of it');
  }
  return undefined;
}

function isRefusal({ status, orthancStatus }: OriginSaying): boolean {
  return (status === 400 || status === 500) && orthancStatus !== undefined;
}

/** Whatever the bulk data is, there is one media type for it. */
function bulkDataQuestions(request: BulkDataRequest): readonly RelayQuestion[] {
  if (!request.mediaTypes.includes(plain)) return [];
  return [standardQuestion({ ...request, mediaTypes: [plain] })];
}

const renderedTypes: ReadonlySet<string> = new Set(['image/jpeg', 'image/png']);
/** A larger one takes the process down for want of memory; one of 0 ends the connection. */
const maxViewport = 4096;
/** Where the client names none. */
const thumbnailViewport = '128,128';

/** It has no thumbnails, and renders one frame at a time. */
function renderedQuestions(request: RenderedRequest): readonly RelayQuestion[] {
  const { kind, frames = [], parameters } = request;
  if (!renderedTypes.has(request.mediaType) || frames.length > 1) return [];
  const { viewport = kind === 'thumbnail' ? thumbnailViewport : undefined } = parameters;
  if (viewport !== undefined && !isViewport(viewport)) {
    throw new InvalidQuestionError(`the viewport must be of 1 to ${maxViewport} pixels each way`);
  }
  const bounded = { ...parameters, ...(viewport === undefined ? {} : { viewport }) };
  const [frame = 1] = frames;
  return [
    {
      ...standardQuestion({ ...request, kind: 'rendered', parameters: bounded }, undecodedCommas),
      // The same 400 for a frame there is not and for an object it cannot draw.
      judge: ({ status, orthancStatus }) => {
        if (status !== 400 || orthancStatus === undefined) return undefined;
        return frame > 1 ? notFound() : new NotAcceptableError('the archive cannot draw it');
      },
    },
  ];
}

/** Its plugin does not decode here either. */
function undecodedCommas(value: string): string {
  return encodeURIComponent(value).replaceAll('%2C', ',');
}

function isViewport(viewport: string): boolean {
  const [width = 0, height = 0] = viewport.split(',').map(Number);
  return [width, height].every((pixels) => pixels >= 1 && pixels <= maxViewport);
}
