import { dicomwebRoutes } from '../translate/dicomweb-routes.ts';
import type { DicomwebRoute } from '../translate/dicomweb-routes.ts';
import { wadoUriRoute } from '../translate/read-request.ts';
import { answers, answersOf, refusals } from './openapi-answers.ts';
import type { Content, OpenApiDocument, Operation, PathItem } from './openapi-document.ts';
import { parameters, parametersOf, wadoUriParameters } from './openapi-parameters.ts';
import { schemas } from './openapi-schemas.ts';

export interface OpenApiOptions {
  /** Where the DICOMweb resources begin; with a slash before it and none behind. */
  readonly dicomwebRoot: string;
  /** What tokens must name to read and to store. */
  readonly scopeNames: Readonly<Record<'read' | 'write', string>>;
  /** Whose tokens are accepted, besides those of the bridge itself. */
  readonly issuer?: string | undefined;
}

const tags = {
  search: { name: 'Search', description: 'QIDO-RS: PS3.18 §10.6.' },
  retrieve: { name: 'Retrieve', description: 'WADO-RS and WADO-URI: PS3.18 §10.4 and §9.' },
  store: { name: 'Store', description: 'STOW-RS: PS3.18 §10.5.' },
  about: { name: 'About', description: 'What everybody may ask.' },
};

const description = [
  'All DICOMweb resources (PS3.18) of this bridge; nothing else of the archive behind it can be reached.',
  'What has GET has HEAD too. OPTIONS is answered without a token, since browsers ask so before they send one.',
  'A token may be limited to some studies: all others are then as if they did not exist.',
].join('\n\n');

/**
 * Describes the HTTP front: the list of routes says what there is, the files beside this one say what
 * goes in and comes out. With default settings it is what lies in openapi/.
 */
export function createOpenApiDocument(options: OpenApiOptions): OpenApiDocument {
  const { dicomwebRoot, issuer } = options;
  return {
    openapi: '3.1.0',
    info: {
      title: 'Drawbridge DICOMweb front',
      // Of what is described, not of the program: strangers learn no version of that (HOSTILE D48).
      version: '1',
      summary: 'Search, retrieve and store DICOM objects with an access token.',
      description,
      license: { name: 'Apache License 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    tags: Object.values(tags),
    paths: { ...dicomwebPaths(options), ...aboutPaths(dicomwebRoot) },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An access token, in the Authorization header and nowhere else (RFC 6750 §2.1). A scope is named where it is needed.',
        },
        ...(issuer !== undefined && {
          issuer: {
            type: 'openIdConnect',
            openIdConnectUrl: `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`,
            description: 'Who gives such tokens.',
          },
        }),
      },
      parameters,
      responses: answers,
      schemas,
    },
  };
}

function dicomwebPaths(options: OpenApiOptions): OpenApiDocument['paths'] {
  const paths: Record<string, PathItem> = {};
  for (const route of dicomwebRoutes) {
    const path = `${options.dicomwebRoot}/${route.template}`;
    const method = route.method === 'GET' ? 'get' : 'post';
    paths[path] = { ...paths[path], [method]: operationOf(route, options) };
  }
  paths[`/${wadoUriRoute.template}`] = {
    get: { ...operationOf(wadoUriRoute, options), parameters: wadoUriParameters },
  };
  return paths;
}

function operationOf(route: DicomwebRoute, options: OpenApiOptions): Operation {
  const { kind, summary } = route;
  return {
    operationId: operationIdOf(summary),
    summary,
    tags: [tags[kind === 'search' || kind === 'store' ? kind : 'retrieve'].name],
    security: securityOf(kind === 'store' ? 'write' : 'read', options),
    parameters: parametersOf(route),
    ...(kind === 'store' && { requestBody: instancesToStore }),
    responses: answersOf(route),
  };
}

const instancesToStore: NonNullable<Operation['requestBody']> = {
  description: 'DICOM files, one a part, of any length; a Content-Length is not needed.',
  required: true,
  content: { 'multipart/related; type="application/dicom"': {} },
};

/** Neither needs a token, nor tells anything about patients. */
function aboutPaths(dicomwebRoot: string): OpenApiDocument['paths'] {
  return {
    [`/.well-known/oauth-protected-resource${dicomwebRoot}`]: about(
      'Learn where to get a token',
      'What a client needs to ask for one (RFC 9728).',
      { 'application/json': { schema: { $ref: '#/components/schemas/ProtectedResource' } } },
    ),
    '/openapi.json': about('Read this document', 'This document.', {
      'application/json': { schema: { type: 'object' } },
    }),
    '/docs': about('Read this document as a page', 'The same for people.', {
      'text/html; charset=utf-8': {},
    }),
    '/health/live': health('Ask whether the process runs'),
    '/health/ready': health('Ask whether the bridge serves'),
  };
}

function about(summary: string, answer: string, content: Content): PathItem {
  return {
    get: {
      operationId: operationIdOf(summary),
      summary,
      tags: [tags.about.name],
      security: [],
      responses: { '200': { description: answer, content }, ...refusals('405') },
    },
  };
}

function health(summary: string): PathItem {
  const word = { 'text/plain; charset=utf-8': { schema: { enum: ['ok\n', 'no\n'] } } };
  const { get } = about(summary, 'It does.', word);
  const no = { '503': { description: 'It does not.', content: word } };
  return { ...(get && { get: { ...get, responses: { ...get.responses, ...no } } }) };
}

/** Either of them alone will do: the first says how, the second whom to ask. */
function securityOf(
  right: 'read' | 'write',
  { scopeNames, issuer }: OpenApiOptions,
): Operation['security'] {
  const scope = [scopeNames[right]];
  return [{ bearer: scope }, ...(issuer === undefined ? [] : [{ issuer: scope }])];
}

/** A sentence as a name: `Retrieve the metadata of a study` becomes `retrieveMetadataOfStudy`. */
function operationIdOf(summary: string): string {
  return summary
    .replace(/,.*,| \(.*\)/g, '')
    .toLowerCase()
    .split(' ')
    .filter((word) => !['a', 'an', 'the', 'for'].includes(word))
    .map((word, index) => (index === 0 ? word : `${word[0]?.toUpperCase() ?? ''}${word.slice(1)}`))
    .join('');
}
