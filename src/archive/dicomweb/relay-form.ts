import { parseMediaType } from '../../multipart/media-type.ts';
import type { MediaType } from '../../multipart/media-type.ts';
import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';
import { MultipartBody, WholeBody, unusable } from './relay-body.ts';
import type { BodyReceiver, OriginHead } from './relay-exchange.ts';
import { notFound } from './relay-fault.ts';
import { SinglePartBody, SyntaxCheckedBody } from './relay-parts.ts';
import type { FormedRequest, OriginSaying } from './relay-question.ts';

/** The headers that cross with a body nobody touches; whatever else an archive sends stays behind. */
const passedHeaders = ['content-type', 'content-length', 'etag', 'last-modified'] as const;

/** What the head of an answer says of its form. */
export function formOf(head: OriginHead): Omit<OriginSaying, 'status'> {
  const whole = parseMediaType(head.header('content-type') ?? '');
  const type = whole?.parameters.get('type');
  const part = type === undefined ? undefined : parseMediaType(type);
  // Orthanc writes it inside the quotes of `type`, the standard beside them.
  const transferSyntax = [part, whole]
    .map((each) => each?.parameters.get('transfer-syntax'))
    .find((each) => each !== undefined);
  return { mediaType: part?.essence ?? type ?? whole?.essence, transferSyntax };
}

/**
 * Says who takes the body of a good answer.
 *
 * @param wantedSyntax - looked up in the object before anything is handed on.
 * @throws {@link OriginAnswerError} when it is not of the form that was asked for (HTML, say).
 */
export function openForm(
  request: FormedRequest,
  head: OriginHead,
  sink: ResponseSink,
  wantedSyntax: string | undefined,
): BodyReceiver {
  if (head.status === 204) throw notFound();
  const contentType = parseMediaType(head.header('content-type') ?? '');
  const open =
    request.kind === 'rendered' || request.kind === 'thumbnail'
      ? openPicture(request.mediaType, contentType, head, sink)
      : openParts(request, contentType, head, sink);
  return wantedSyntax === undefined ? open() : new SyntaxCheckedBody(wantedSyntax, open);
}

function openParts(
  request: FormedRequest,
  contentType: MediaType | undefined,
  head: OriginHead,
  sink: ResponseSink,
): () => BodyReceiver {
  const boundary = contentType?.parameters.get('boundary') ?? '';
  if (contentType?.essence !== 'multipart/related' || !/^[\x20-\x7e]{1,255}$/.test(boundary)) {
    throw unusable('it is not multipart/related', head.status);
  }
  if (request.kind === 'retrieve' && request.framing === 'single') {
    const single = { status: 200, headers: { 'content-type': 'application/dicom' } };
    return () => new SinglePartBody(sink, single, boundary);
  }
  return () => {
    sink.begin(passed(head));
    return new MultipartBody(sink, boundary);
  };
}

function openPicture(
  wanted: string,
  contentType: MediaType | undefined,
  head: OriginHead,
  sink: ResponseSink,
): () => BodyReceiver {
  if (contentType?.essence !== wanted)
    throw unusable('it is not the picture asked for', head.status);
  const isChunked = head.header('transfer-encoding') !== undefined;
  if (!isChunked && head.header('content-length') === undefined) {
    throw unusable('nobody could tell where it ends', head.status);
  }
  return () => {
    sink.begin(passed(head));
    return new WholeBody(sink);
  };
}

function passed(head: OriginHead): ResponseHead {
  const headers = passedHeaders.flatMap((name) => {
    const value = head.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { status: 200, headers: Object.fromEntries(headers) };
}
