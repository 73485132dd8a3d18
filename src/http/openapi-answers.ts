import type { Offer } from '../translate/accept.ts';
import type { DicomwebRoute } from '../translate/dicomweb-routes.ts';
import { wadoUriRoute } from '../translate/read-request.ts';
import {
  frameOffer,
  objectOffer,
  renderedOffer,
  wadoUriOffer,
} from '../translate/resource-forms.ts';
import type { Answer, Content, Reference } from './openapi-document.ts';

const challenge = {
  'WWW-Authenticate': {
    description:
      'What is wrong with the token, if there is one, which scope it takes, and where to learn about tokens (RFC 6750 §3, RFC 9728 §5.1).',
    required: true,
    schema: { type: 'string' },
  },
};
const retryAfter = {
  'Retry-After': {
    description: 'Seconds after which it is worth another try.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
};
const validator = {
  ETag: {
    description: 'For If-None-Match in the next request.',
    schema: { type: 'string' },
  },
};

/** The refusals and faults, each a problem document: status → the name of its component. */
const names = {
  '400': 'BadRequest',
  '401': 'Unauthorized',
  '403': 'Forbidden',
  '404': 'NotFound',
  '405': 'MethodNotAllowed',
  '406': 'NotAcceptable',
  '408': 'RequestTimeout',
  '413': 'ContentTooLarge',
  '415': 'UnsupportedMediaType',
  '429': 'TooManyRequests',
  '500': 'InternalServerError',
  '502': 'BadGateway',
  '503': 'ServiceUnavailable',
  '504': 'GatewayTimeout',
} as const;
type Refusal = keyof typeof names;

/** Answers that many operations share. */
export const answers: Readonly<Record<(typeof names)[Refusal] | 'NotModified', Answer>> = {
  NotModified: {
    description: 'What the client has is still right (RFC 9110 §15.4.5).',
    headers: validator,
  },
  BadRequest: problem('The request cannot be carried out as it stands.'),
  Unauthorized: problem('There is no access token, or it is not good.', challenge),
  Forbidden: problem('The token does not give the right to do this.', challenge),
  NotFound: problem('There is no such thing, or none that the token gives the right to see.'),
  MethodNotAllowed: problem('The resource does not have this method.', {
    Allow: { description: 'The methods it has.', required: true, schema: { type: 'string' } },
  }),
  NotAcceptable: problem('There is no answer in a form that the Accept header allows.'),
  RequestTimeout: problem('The body stopped coming in.'),
  ContentTooLarge: problem('The body is longer than this bridge takes.'),
  UnsupportedMediaType: problem('The body has a form that nobody here reads.'),
  TooManyRequests: problem('The caller has too many requests under way.', retryAfter),
  InternalServerError: problem('Something here went wrong; the log says what.'),
  BadGateway: problem('The archive refuses, or answers what it should not.'),
  ServiceUnavailable: problem('The archive, or the way to it, is not there.', retryAfter),
  GatewayTimeout: problem('The archive took too long.'),
};

/** References to some of them, by status. */
export function refusals(...statuses: readonly Refusal[]): Readonly<Record<string, Reference>> {
  return Object.fromEntries(statuses.map((status) => [status, refTo(names[status])]));
}

/** What every DICOMweb resource may refuse, and what may be wrong with the archive behind it. */
const common = refusals('400', '401', '403', '404', '406', '429', '500', '502', '503', '504');
const notModified = { '304': refTo('NotModified') };

/** What a route may answer. */
export function answersOf(route: DicomwebRoute): Readonly<Record<string, Answer | Reference>> {
  const { kind, level } = route;
  if (route === wadoUriRoute) {
    return {
      '200': { description: 'The object, or a picture.', content: formsOf(wadoUriOffer) },
      ...common,
    };
  }
  switch (kind) {
    case 'search':
      return { '200': { description: 'What was found.', content: json('DataSets') }, ...common };
    case 'metadata':
      return {
        '200': {
          description: 'The elements of each instance, long values by their address.',
          headers: validator,
          content: json('DataSets'),
        },
        ...notModified,
        ...common,
      };
    case 'retrieve':
      return {
        '200': { description: 'DICOM files, each a part.', content: formsOf(objectOffer(level)) },
        ...common,
      };
    case 'frames':
      return {
        '200': {
          description: 'The frames, each a part, in the order asked for.',
          headers: validator,
          content: formsOf(frameOffer),
        },
        ...notModified,
        ...common,
      };
    case 'bulkdata':
      return {
        '200': {
          description: 'The bytes in one part, of the media type they were stored with.',
          headers: validator,
          content: { 'multipart/related': {} },
        },
        ...notModified,
        ...common,
      };
    case 'rendered':
    case 'thumbnail':
      return { '200': { description: 'The picture.', content: formsOf(renderedOffer) }, ...common };
    case 'store':
      return {
        '200': { description: 'All instances are kept.', content: stored },
        '202': { description: 'Some instances are kept, or not as they came.', content: stored },
        '409': { description: 'No instance is kept.', content: stored },
        ...common,
        ...refusals('408', '413', '415'),
      };
  }
}

const stored = json('StoreInstancesResponse');

function json(schema: string): Content {
  return { 'application/dicom+json': { schema: { $ref: `#/components/schemas/${schema}` } } };
}

function formsOf({ forms }: Offer): Content {
  return Object.fromEntries(
    forms.map(({ framing, mediaType }) => [
      framing === 'single' ? mediaType : `multipart/related; type="${mediaType}"`,
      {},
    ]),
  );
}

function problem(description: string, headers?: Answer['headers']): Answer {
  return {
    description,
    ...(headers && { headers }),
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

function refTo(name: string): Reference {
  return { $ref: `#/components/responses/${name}` };
}
