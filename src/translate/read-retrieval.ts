import { InvalidQuestionError } from '../errors/request-errors.ts';
import { chooseForms } from './accept.ts';
import type { Representation } from './accept.ts';
import type {
  BulkDataRequest,
  FramesRequest,
  InstancePath,
  RenderedRequest,
  ResourceLevel,
  ResourceSelector,
  RetrieveRequest,
} from './dicomweb-request.ts';
import type { RouteParameters } from './dicomweb-routes.ts';
import { readSingleParameters } from './query-parameters.ts';
import type { QueryParameter } from './query-parameters.ts';
import { readRenderedParameters } from './rendered-parameters.ts';
import { bulkDataOffer, frameOffer, objectOffer, renderedOffer } from './resource-forms.ts';

/** PS3.18 §10.4, the objects themselves. */
export function readRetrieve(
  level: ResourceLevel,
  path: RouteParameters,
  accept: string | undefined,
): RetrieveRequest {
  const selector = selectorOf(path);
  return inOrder<RetrieveRequest>(
    chooseForms(accept, objectOffer(level)),
    ({ framing, transferSyntax }) => ({
      kind: 'retrieve',
      selector,
      framing,
      ...(transferSyntax === undefined ? {} : { transferSyntax }),
    }),
  );
}

/** PS3.18 §10.4.1.1.6. */
export function readFrames(path: RouteParameters, accept: string | undefined): FramesRequest {
  const selector = instanceOf(path);
  const { frames = [] } = path;
  return inOrder<FramesRequest>(
    chooseForms(accept, frameOffer),
    ({ mediaType, transferSyntax }) => ({
      kind: 'frames',
      selector,
      frames,
      mediaType,
      ...(transferSyntax === undefined ? {} : { transferSyntax }),
    }),
  );
}

/** An archive is not asked in more forms than these. */
const maxForms = 8;

/** The best form, with the next best for where the archive does not have it, and so on. */
function inOrder<Request extends object>(
  [best, ...others]: readonly [Representation, ...Representation[]],
  write: (form: Representation) => Request,
): Request & { readonly otherwise?: Request } {
  const otherwise = others
    .slice(0, maxForms - 1)
    .reduceRight<Request | undefined>(
      (next, form) => ({ ...write(form), ...(next === undefined ? {} : { otherwise: next }) }),
      undefined,
    );
  return { ...write(best), ...(otherwise === undefined ? {} : { otherwise }) };
}

/** PS3.18 §10.4.1.1.5. */
export function readBulkData(path: RouteParameters, accept: string | undefined): BulkDataRequest {
  const mediaTypes = chooseForms(accept, bulkDataOffer).map(({ mediaType }) => mediaType);
  return {
    kind: 'bulkdata',
    selector: instanceOf(path),
    path: path.bulkPath ?? '',
    mediaTypes: [...new Set(mediaTypes)],
  };
}

/** PS3.18 §10.4.1.1.3 and §10.4.1.1.4. */
export function readRendered(
  kind: 'rendered' | 'thumbnail',
  path: RouteParameters,
  parameters: readonly QueryParameter[],
  accept: string | undefined,
): RenderedRequest {
  // A thumbnail has its size and no more (PS3.18 §10.4.1.1.4).
  const allowed =
    kind === 'thumbnail'
      ? (['viewport'] as const)
      : (['annotation', 'quality', 'viewport', 'window', 'iccprofile'] as const);
  const [{ mediaType }] = chooseForms(accept, renderedOffer);
  return {
    kind,
    selector: selectorOf(path),
    ...(path.frames === undefined ? {} : { frames: path.frames }),
    mediaType,
    parameters: readRenderedParameters(readSingleParameters(parameters), allowed),
  };
}

/** What the path names. */
export function selectorOf(path: RouteParameters): ResourceSelector {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = path;
  if (studyInstanceUid === undefined) throw new InvalidQuestionError('the path names no study');
  return {
    studyInstanceUid,
    ...(seriesInstanceUid === undefined ? {} : { seriesInstanceUid }),
    ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
  };
}

function instanceOf(path: RouteParameters): InstancePath {
  const { seriesInstanceUid, sopInstanceUid, ...selector } = selectorOf(path);
  if (seriesInstanceUid === undefined || sopInstanceUid === undefined) {
    throw new InvalidQuestionError('the path names no instance');
  }
  return { ...selector, seriesInstanceUid, sopInstanceUid };
}
