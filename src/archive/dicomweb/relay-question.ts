import type { BridgeError } from '../../errors/bridge-error.ts';
import type { ReadRequest } from '../dicomweb-origin.ts';
import { queryOf, resourcePath } from './resource-path.ts';

/** Objects, parts of them, and pictures: what an archive can have in several forms. */
export type FormedRequest = Exclude<ReadRequest, { readonly kind: 'search' | 'metadata' }>;

/** What the beginning of an answer says, and of a refusal its body. */
export interface OriginSaying {
  readonly status: number;
  /** Of the parts, where there are parts. */
  readonly mediaType?: string | undefined;
  readonly transferSyntax?: string | undefined;
  /** The number Orthanc gives its errors. */
  readonly orthancStatus?: number | undefined;
}

/** One way to ask an archive for what a client wants. */
export interface RelayQuestion {
  /** Resource and query, below the path of the service. */
  readonly path: string;
  readonly accept: string;
  /**
   * What to do with an answer: hand it on, ask the next question in its place, or say what is wrong.
   * `undefined` leaves it to the status.
   */
  readonly judge?: (answer: OriginSaying) => 'take' | 'next' | BridgeError | undefined;
  /** Looked up in the object itself before the answer is handed on. */
  readonly transferSyntax?: string;
}

/** The question that PS3.18 has for a request; what the client wants is the archive's to give. */
export function standardQuestion(
  request: FormedRequest,
  writeValue: (value: string) => string = encodeURIComponent,
): RelayQuestion {
  switch (request.kind) {
    case 'retrieve':
      return {
        path: resourcePath(request.selector),
        accept: acceptParts('application/dicom', request.transferSyntax),
      };
    case 'frames':
      return {
        path: `${resourcePath(request.selector)}/frames/${request.frames.join(',')}`,
        accept: acceptParts(request.mediaType, request.transferSyntax),
      };
    case 'bulkdata':
      return {
        path: `${resourcePath(request.selector)}/bulk/${request.path}`,
        accept: request.mediaTypes.map((mediaType) => acceptParts(mediaType)).join(', '),
      };
    case 'rendered':
    case 'thumbnail': {
      const frames = request.frames === undefined ? '' : `/frames/${request.frames.join(',')}`;
      const query = queryOf(Object.entries(request.parameters), writeValue);
      return {
        path: `${resourcePath(request.selector)}${frames}/${request.kind}${query}`,
        accept: request.mediaType,
      };
    }
  }
}

/** @param transferSyntax - `*` is as stored; without one it is the default of the media type. */
export function acceptParts(mediaType: string, transferSyntax?: string): string {
  const syntax = transferSyntax === undefined ? '' : `; transfer-syntax=${transferSyntax}`;
  return `multipart/related; type="${mediaType}"${syntax}`;
}
