import { InvalidQuestionError, NotAcceptableError } from '../errors/request-errors.ts';
import { chooseForms, requireUtf8 } from './accept.ts';
import type { DicomwebRequest, ResourceLevel, SearchRequest } from './dicomweb-request.ts';
import { matchRoute } from './dicomweb-routes.ts';
import type { DicomwebRoute, RouteParameters } from './dicomweb-routes.ts';
import { readQidoParameters } from './qido-parameters.ts';
import { readQueryParameters, readSingleParameters } from './query-parameters.ts';
import type { QueryParameter } from './query-parameters.ts';
import {
  readBulkData,
  readFrames,
  readRendered,
  readRetrieve,
  selectorOf,
} from './read-retrieval.ts';
import { jsonOffer } from './resource-forms.ts';
import { readWadoUriQuery } from './wado-uri.ts';

/** What of an HTTP request says what is wanted; all of it as it came on the wire. */
export interface RawRequest {
  readonly method: string;
  /** Below the DICOMweb root, without the slash before it. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly accept: string | undefined;
}

export type RequestReading =
  | {
      readonly kind: 'request';
      readonly route: DicomwebRoute;
      readonly request: DicomwebRequest;
    }
  | {
      readonly kind: 'refusal';
      readonly status: 400 | 404 | 405 | 406;
      /** For the client; quotes no value, for that may be patient data. */
      readonly detail: string;
      /** The methods the resource has, where the status is 405. */
      readonly allowed?: readonly string[];
    };

/**
 * Reads what a request for a DICOMweb resource asks for.
 *
 * Pure, and total: whatever the text, it is a request we can write anew or a refusal with its reason.
 */
export function readDicomwebRequest(raw: RawRequest): RequestReading {
  const match = matchRoute(raw.method, raw.path);
  switch (match.kind) {
    case 'unknown':
      return { kind: 'refusal', status: 404, detail: 'there is no such resource' };
    case 'malformed':
      return { kind: 'refusal', status: 400, detail: match.message };
    case 'method-not-allowed': {
      const { allowed } = match;
      const detail = `this resource has the methods ${allowed.join(', ')}`;
      return { kind: 'refusal', status: 405, detail, allowed };
    }
    case 'found': {
      const { route, parameters } = match;
      return refusing(() => ({
        kind: 'request',
        route,
        request: readResource(route, parameters, raw),
      }));
    }
  }
}

/** Reads a request in the older form, with everything in the query (PS3.18 §9). */
export function readWadoUri(raw: Pick<RawRequest, 'query' | 'accept'>): RequestReading {
  return refusing(() => ({
    kind: 'request',
    route: wadoUriRoute,
    request: readWadoUriQuery(raw.query, raw.accept),
  }));
}

/** Where the older form is served. */
export const wadoUriRoute: DicomwebRoute = {
  method: 'GET',
  template: 'wado',
  kind: 'retrieve',
  level: 'instance',
  summary: 'Retrieve an instance, or a picture of it, by query parameters (WADO-URI)',
};

function refusing(read: () => RequestReading): RequestReading {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidQuestionError) {
      return { kind: 'refusal', status: 400, detail: error.message };
    }
    if (error instanceof NotAcceptableError) {
      return { kind: 'refusal', status: 406, detail: error.message };
    }
    throw error;
  }
}

function readResource(
  route: DicomwebRoute,
  path: RouteParameters,
  { query, accept: header }: RawRequest,
): DicomwebRequest {
  const { accept = header, parameters } = takeGeneralParameters(readQueryParameters(query));
  switch (route.kind) {
    case 'search':
      chooseForms(accept, jsonOffer);
      return readSearch(route.level, path, parameters);
    case 'store':
      refuseParameters(parameters);
      chooseForms(accept, jsonOffer);
      return {
        kind: 'store',
        ...(path.studyInstanceUid === undefined ? {} : { studyInstanceUid: path.studyInstanceUid }),
      };
    case 'metadata':
      refuseParameters(parameters);
      chooseForms(accept, jsonOffer);
      return { kind: 'metadata', selector: selectorOf(path) };
    case 'retrieve':
      refuseParameters(parameters);
      return readRetrieve(route.level, path, accept);
    case 'frames':
      refuseParameters(parameters);
      return readFrames(path, accept);
    case 'bulkdata':
      refuseParameters(parameters);
      return readBulkData(path, accept);
    case 'rendered':
    case 'thumbnail':
      return readRendered(route.kind, path, parameters, accept);
  }
}

/** What any resource takes (PS3.18 §8.3.3); `accept` here has precedence over the header. */
function takeGeneralParameters(all: readonly QueryParameter[]): {
  readonly accept?: string;
  readonly parameters: readonly QueryParameter[];
} {
  const general = readSingleParameters(
    all.filter(([name]) => name === 'accept' || name === 'charset'),
  );
  requireUtf8(general.get('charset'));
  const accept = general.get('accept');
  const parameters = all.filter(([name]) => !general.has(name));
  return { ...(accept === undefined ? {} : { accept }), parameters };
}

function refuseParameters(parameters: readonly QueryParameter[]): void {
  const [first] = parameters;
  if (first !== undefined) throw new InvalidQuestionError(`${first[0]} is no parameter of this`);
}

const studyInstanceUidTag = '0020000D';
const seriesInstanceUidTag = '0020000E';

function readSearch(
  level: ResourceLevel,
  path: RouteParameters,
  parameters: readonly QueryParameter[],
): SearchRequest {
  const { match, ...rest } = readQidoParameters(parameters);
  const own = new Map(Object.entries(match));
  // An archive might let either win; only where they agree is it plain what is meant.
  for (const [tag, uid] of [
    [studyInstanceUidTag, path.studyInstanceUid],
    [seriesInstanceUidTag, path.seriesInstanceUid],
  ] as const) {
    if (uid === undefined || !own.has(tag)) continue;
    if (own.get(tag) !== uid) {
      throw new InvalidQuestionError('the query names another study or series than the path');
    }
    own.delete(tag);
  }
  const { studyInstanceUid, seriesInstanceUid } = path;
  return {
    kind: 'search',
    level,
    ...(studyInstanceUid === undefined ? {} : { studyInstanceUid }),
    ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
    query: { ...rest, match: Object.fromEntries(own) },
  };
}
