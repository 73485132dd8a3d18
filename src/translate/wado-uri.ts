import { parseUid } from '../dicom/uid.ts';
import { InvalidQuestionError } from '../errors/request-errors.ts';
import { chooseForms, requireUtf8 } from './accept.ts';
import type { InstancePath, RenderedRequest, RetrieveRequest } from './dicomweb-request.ts';
import { readQueryParameters, readSingleParameters } from './query-parameters.ts';
import { maxViewport, readRenderingParameter } from './rendered-parameters.ts';
import { wadoUriOffer } from './resource-forms.ts';

/** What only a picture has. */
const pictureParameters: ReadonlySet<string> = new Set([
  'annotation',
  'rows',
  'columns',
  'windowCenter',
  'windowWidth',
  'imageQuality',
  'frameNumber',
]);

/** The names of §9.1.2 that we know; each of the others is refused by its name. */
const knownParameters: ReadonlySet<string> = new Set([
  'requestType',
  'studyUID',
  'seriesUID',
  'objectUID',
  'contentType',
  'accept',
  'charset',
  'transferSyntax',
  ...pictureParameters,
]);

/**
 * Reads the query of a WADO-URI request (PS3.18 §9).
 *
 * What would change the answer and cannot be done here, such as `anonymize`, is refused: an archive
 * that passes over it would send the names along.
 *
 * @param query - as it came on the wire, without the question mark.
 * @throws {@link InvalidQuestionError} that names the parameter, {@link NotAcceptableError}
 */
export function readWadoUriQuery(
  query: string,
  acceptHeader: string | undefined,
): RetrieveRequest | RenderedRequest {
  const parameters = readSingleParameters(readQueryParameters(query));
  const unknown = [...parameters.keys()].find((name) => !knownParameters.has(name));
  if (unknown !== undefined) throw new InvalidQuestionError(`${unknown} is no parameter of this`);
  if (parameters.get('requestType') !== 'WADO') {
    throw new InvalidQuestionError('requestType must be WADO');
  }
  requireUtf8(parameters.get('charset'));
  const selector: InstancePath = {
    studyInstanceUid: uidOf(parameters, 'studyUID'),
    seriesInstanceUid: uidOf(parameters, 'seriesUID'),
    sopInstanceUid: uidOf(parameters, 'objectUID'),
  };
  const accept = parameters.get('contentType') ?? parameters.get('accept') ?? acceptHeader;
  const [{ mediaType }] = chooseForms(accept, wadoUriOffer);
  if (mediaType === 'application/dicom') {
    refuse(parameters, (name) => pictureParameters.has(name), 'only a picture has');
    return { kind: 'retrieve', selector, framing: 'single', ...transferSyntaxOf(parameters) };
  }
  refuse(parameters, (name) => name === 'transferSyntax', 'only application/dicom has');
  return {
    kind: 'rendered',
    selector,
    ...framesOf(parameters),
    mediaType,
    parameters: renderingOf(parameters),
  };
}

function uidOf(parameters: ReadonlyMap<string, string>, name: string) {
  const uid = parseUid(parameters.get(name) ?? '');
  if (uid === undefined) throw new InvalidQuestionError(`${name} must be a UID`);
  return uid;
}

/** `*` is as stored: not in §9.1.2, and what dicomweb-client and OHIF ask for. */
function transferSyntaxOf(parameters: ReadonlyMap<string, string>): {
  readonly transferSyntax?: string;
} {
  const text = parameters.get('transferSyntax');
  if (text === undefined) return {};
  return { transferSyntax: text === '*' ? text : uidOf(parameters, 'transferSyntax') };
}

function refuse(
  parameters: ReadonlyMap<string, string>,
  isWrong: (name: string) => boolean,
  owner: string,
): void {
  const wrong = [...parameters.keys()].find(isWrong);
  if (wrong !== undefined) throw new InvalidQuestionError(`${wrong} is what ${owner}`);
}

function framesOf(parameters: ReadonlyMap<string, string>): {
  readonly frames?: readonly number[];
} {
  const text = parameters.get('frameNumber');
  if (text === undefined) return {};
  if (!/^[1-9][0-9]{0,8}$/.test(text)) {
    throw new InvalidQuestionError('frameNumber takes a number from 1');
  }
  return { frames: [Number(text)] };
}

/** The same in the words of the newer form. */
function renderingOf(parameters: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const [rows, columns] = ['rows', 'columns'].map((name) => sideOf(parameters, name));
  const [center, width] = ['windowCenter', 'windowWidth'].map((name) => parameters.get(name));
  if ((center === undefined) !== (width === undefined)) {
    throw new InvalidQuestionError('windowCenter and windowWidth belong together');
  }
  const rendering: Record<string, string> = {};
  if (rows !== undefined || columns !== undefined) {
    // A picture keeps its proportions, so the side that is left open is as long as it may be.
    rendering['viewport'] = `${columns ?? maxViewport},${rows ?? maxViewport}`;
  }
  if (center !== undefined && width !== undefined) {
    const window = `${center},${width},linear`;
    rendering['window'] = readRenderingParameter('window', window, 'windowCenter or windowWidth');
  }
  const quality = parameters.get('imageQuality');
  if (quality !== undefined) {
    rendering['quality'] = readRenderingParameter('quality', quality, 'imageQuality');
  }
  const annotation = parameters.get('annotation');
  if (annotation !== undefined) {
    rendering['annotation'] = readRenderingParameter('annotation', annotation);
  }
  return rendering;
}

function sideOf(parameters: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  const side = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (side < 1 || side > maxViewport) {
    throw new InvalidQuestionError(`${name} takes a number from 1 to ${maxViewport}`);
  }
  return side;
}
