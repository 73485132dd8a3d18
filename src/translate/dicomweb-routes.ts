import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import type { DicomwebRequest, ResourceLevel } from './dicomweb-request.ts';

/** One resource of the front and one method it has. The list of them is an allow-list. */
export interface DicomwebRoute {
  readonly method: 'GET' | 'POST';
  /** Below the DICOMweb root; `{name}` stands for one segment, `{bulk}` for all that follow. */
  readonly template: string;
  readonly kind: DicomwebRequest['kind'];
  /** Of the results of a search, else of what is asked for. */
  readonly level: ResourceLevel;
  /** For people: the OpenAPI document and the log. */
  readonly summary: string;
}

/** What the variable segments of a path held. */
export interface RouteParameters {
  readonly studyInstanceUid?: Uid;
  readonly seriesInstanceUid?: Uid;
  readonly sopInstanceUid?: Uid;
  /** Counted from 1, in the order asked for. */
  readonly frames?: readonly number[];
  readonly bulkPath?: string;
}

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: DicomwebRoute; readonly parameters: RouteParameters }
  /** The resource exists, and has only these methods. */
  | { readonly kind: 'method-not-allowed'; readonly allowed: readonly string[] }
  /** A resource of ours with something in its path that cannot be. */
  | { readonly kind: 'malformed'; readonly message: string }
  | { readonly kind: 'unknown' };

const study = 'studies/{study}';
const series = `${study}/series/{series}`;
const instance = `${series}/instances/{instance}`;
const levels = [
  ['study', study, 'a study'],
  ['series', series, 'a series'],
  ['instance', instance, 'an instance'],
] as const;

/** Every resource the front has (PS3.18 §10.1), written out; nothing else goes through. */
export const dicomwebRoutes: readonly DicomwebRoute[] = [
  get('search', 'study', 'studies', 'Search for studies'),
  get('search', 'series', 'series', 'Search for series in all studies'),
  get('search', 'instance', 'instances', 'Search for instances in all studies'),
  get('search', 'series', `${study}/series`, 'Search for series of a study'),
  get('search', 'instance', `${study}/instances`, 'Search for instances of a study'),
  get('search', 'instance', `${series}/instances`, 'Search for instances of a series'),
  ...levels.flatMap(([level, path, what]) => [
    get('retrieve', level, path, `Retrieve ${what} as DICOM objects`),
    get('metadata', level, `${path}/metadata`, `Retrieve the metadata of ${what}`),
    get('rendered', level, `${path}/rendered`, `Retrieve ${what} as pictures`),
    get('thumbnail', level, `${path}/thumbnail`, `Retrieve a small picture of ${what}`),
  ]),
  get('frames', 'instance', `${instance}/frames/{frames}`, 'Retrieve frames of an instance'),
  get(
    'rendered',
    'instance',
    `${instance}/frames/{frames}/rendered`,
    'Retrieve frames as pictures',
  ),
  get('thumbnail', 'instance', `${instance}/frames/{frames}/thumbnail`, 'Retrieve a small frame'),
  get('bulkdata', 'instance', `${instance}/bulk/{bulk}`, 'Retrieve bulk data of an instance'),
  post('studies', 'Store instances'),
  post(study, 'Store instances of one study'),
];

const templates = [...new Set(dicomwebRoutes.map(({ template }) => template))].map((template) => ({
  segments: template.split('/'),
  routes: dicomwebRoutes.filter((route) => route.template === template),
}));

/** No resource name of ours needs more, encoded or not. */
const plainSegment = /^[A-Za-z0-9.,]+$/;
const encodedComma = /%2c/gi;
const bulkPath = /^[0-9A-Fa-f]{8}(?:\/[1-9][0-9]{0,5}\/[0-9A-Fa-f]{8}){0,8}$/;
const frameList = /^[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8}){0,999}$/;

/**
 * Finds the resource a request is for.
 *
 * @param path - below the DICOMweb root, as it came on the wire: without the slash before it, the
 *   query and any decoding, so that what looks like another path never becomes one (HOSTILE D17).
 */
export function matchRoute(method: string, path: string): RouteMatch {
  const segments = path.replace(encodedComma, ',').split('/');
  for (const { segments: expected, routes } of templates) {
    const variables = fit(segments, expected);
    if (variables === undefined) continue;
    const parameters = parse(variables);
    if (typeof parameters === 'string') return { kind: 'malformed', message: parameters };
    const wanted = method === 'HEAD' ? 'GET' : method;
    const route = routes.find((each) => each.method === wanted);
    if (route) return { kind: 'found', route, parameters };
    return { kind: 'method-not-allowed', allowed: allowedOf(routes) };
  }
  return { kind: 'unknown' };
}

/** The variable segments by name, or `undefined` where the path is another resource's. */
function fit(
  segments: readonly string[],
  expected: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const isOpenEnded = expected.at(-1) === '{bulk}';
  if (isOpenEnded ? segments.length < expected.length : segments.length !== expected.length) {
    return undefined;
  }
  const variables = new Map<string, string>();
  for (const [index, name] of expected.entries()) {
    const segment = segments[index] ?? '';
    if (name === '{bulk}') variables.set(name, segments.slice(index).join('/'));
    else if (name.startsWith('{')) variables.set(name, segment);
    else if (segment !== name) return undefined;
  }
  return variables;
}

/** What the segments mean, or a sentence on what is wrong with one (HOSTILE D18). */
function parse(variables: ReadonlyMap<string, string>): RouteParameters | string {
  const parameters: {
    -readonly [K in keyof RouteParameters]: RouteParameters[K];
  } = {};
  for (const [name, text] of variables) {
    if (name === '{frames}') {
      if (!frameList.test(text)) return 'the frame list must be numbers from 1, joined by commas';
      parameters.frames = text.split(',').map(Number);
    } else if (name === '{bulk}') {
      if (!bulkPath.test(text)) return 'the bulk data path must be tags and item numbers in turn';
      parameters.bulkPath = text;
    } else {
      const uid = plainSegment.test(text) ? parseUid(text) : undefined;
      if (uid === undefined) return `the ${name.slice(1, -1)} in the path is no valid UID`;
      parameters[uidNames[name] ?? 'studyInstanceUid'] = uid;
    }
  }
  return parameters;
}

const uidNames: Readonly<
  Record<string, 'studyInstanceUid' | 'seriesInstanceUid' | 'sopInstanceUid'>
> = {
  '{study}': 'studyInstanceUid',
  '{series}': 'seriesInstanceUid',
  '{instance}': 'sopInstanceUid',
};

function allowedOf(routes: readonly DicomwebRoute[]): readonly string[] {
  const methods = routes.map(({ method }) => method);
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'];
}

function get(
  kind: DicomwebRoute['kind'],
  level: ResourceLevel,
  template: string,
  summary: string,
): DicomwebRoute {
  return { method: 'GET', template, kind, level, summary };
}

function post(template: string, summary: string): DicomwebRoute {
  return { method: 'POST', template, kind: 'store', level: 'instance', summary };
}
