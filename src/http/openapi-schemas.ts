import type { Schema } from './openapi-document.ts';

/** Value representations by what their values look like in JSON (PS3.18 Table F.2.3-1). */
const valueForms = {
  DicomText: 'AE AS CS DA DT LO LT SH ST TM UC UI UR UT',
  DicomNumber: 'DS FD FL IS SL SS SV UL US UV',
} as const;
const binary = 'OB OD OF OL OV OW UN';

/** `null` stands for a value that is empty (PS3.18 §F.2.5). */
const empty: Schema = { type: 'null' };

/** The shapes of the bodies: the DICOM JSON Model (PS3.18 Annex F) and our own few. */
export const schemas: Readonly<Record<string, Schema>> = {
  DataSet: {
    description:
      'A data set in the DICOM JSON Model (PS3.18 Annex F): the tag of an element, as eight hexadecimal digits, and the element.',
    type: 'object',
    propertyNames: { pattern: '^[0-9A-F]{8}$' },
    additionalProperties: ref('Element'),
    examples: [{ '00080060': { vr: 'CS', Value: ['CT'] } }],
  },
  DataSets: {
    description: 'One data set for each study, series or instance; none is an empty array.',
    type: 'array',
    items: ref('DataSet'),
  },
  Element: {
    description:
      'One element: its value representation, and at most one of its values, the address of its bytes and its bytes. An empty element has none of the three.',
    oneOf: [
      ...Object.entries(valueForms).map(([form, names]) =>
        element(names, { Value: { type: 'array', items: { anyOf: [ref(form), empty] } } }),
      ),
      element('AT', { Value: { type: 'array', items: { anyOf: [ref('DicomTag'), empty] } } }),
      element('PN', { Value: { type: 'array', items: { anyOf: [ref('PersonName'), empty] } } }),
      element('SQ', { Value: { type: 'array', items: { anyOf: [ref('DataSet'), empty] } } }),
      element(binary, {}),
    ],
  },
  DicomText: { description: 'A value that is written as text.', type: 'string' },
  DicomNumber: {
    description:
      'A value that is a number. A string where JSON has no number for it, such as a 64-bit integer or NaN.',
    type: ['number', 'string'],
  },
  DicomTag: {
    description: 'A tag as eight hexadecimal digits.',
    type: 'string',
    pattern: '^[0-9A-F]{8}$',
  },
  PersonName: {
    description: 'The component groups of a name (PS3.18 §F.2.2).',
    type: 'object',
    properties: {
      Alphabetic: { type: 'string' },
      Ideographic: { type: 'string' },
      Phonetic: { type: 'string' },
    },
    additionalProperties: false,
  },
  StoreInstancesResponse: {
    description:
      'What became of each instance (PS3.18 Annex I): the Referenced SOP Sequence (0008,1199) names those that are kept, the Failed SOP Sequence (0008,1198) those that are not, each with its Failure Reason (0008,1197).',
    type: 'object',
    propertyNames: { enum: ['00081190', '00081198', '00081199', '0008119A'] },
    properties: {
      '00081190': element('UR', {
        Value: { type: 'array', items: { type: 'string', format: 'uri' }, maxItems: 1 },
      }),
      '00081198': sequenceOf('FailedInstance'),
      '00081199': sequenceOf('StoredInstance'),
      '0008119A': sequenceOf('DataSet'),
    },
    examples: [{ '00081199': { vr: 'SQ', Value: [] } }],
  },
  StoredInstance: {
    description: 'An item of the Referenced SOP Sequence.',
    allOf: [ref('DataSet')],
    properties: { '00081150': ref('Element'), '00081155': ref('Element') },
    required: ['00081150', '00081155'],
  },
  FailedInstance: {
    description: 'An item of the Failed SOP Sequence.',
    allOf: [ref('DataSet')],
    properties: { '00081197': ref('Element') },
    required: ['00081197'],
  },
  Problem: {
    description: 'What went wrong (RFC 9457).',
    type: 'object',
    required: ['status', 'title'],
    properties: {
      status: { description: 'The status code once more.', type: 'integer' },
      title: { description: 'The kind of problem.', type: 'string' },
      detail: { description: 'This one, in a sentence.', type: 'string' },
      code: { description: 'The same for programs.', type: 'string', pattern: '^[a-z_]+$' },
      requestId: { description: 'What the log calls the request.', type: 'string' },
    },
    additionalProperties: false,
  },
  ProtectedResource: {
    description: 'Where a client gets a token for this bridge (RFC 9728 §2).',
    type: 'object',
    required: ['resource', 'bearer_methods_supported'],
    properties: {
      resource: {
        description: 'What a token is asked for.',
        type: 'string',
        format: 'uri',
      },
      authorization_servers: {
        description: 'Issuers whose tokens are accepted.',
        type: 'array',
        items: { type: 'string', format: 'uri' },
      },
      scopes_supported: { type: 'array', items: { type: 'string' } },
      bearer_methods_supported: { type: 'array', items: { const: 'header' } },
      resource_name: { type: 'string' },
      resource_documentation: { type: 'string', format: 'uri' },
    },
  },
};

function element(names: string, members: Readonly<Record<string, Schema>>): Schema {
  const vrs = names.split(' ');
  const isBinary = names === binary;
  return {
    type: 'object',
    required: ['vr'],
    properties: {
      vr: vrs.length === 1 ? { const: names } : { enum: vrs },
      ...members,
      BulkDataURI: { type: 'string', format: 'uri-reference' },
      ...(isBinary && { InlineBinary: { type: 'string', contentEncoding: 'base64' } }),
    },
    additionalProperties: false,
    // With the value representation there are two members at most.
    maxProperties: 2,
  };
}

function sequenceOf(name: string): Schema {
  return element('SQ', { Value: { type: 'array', items: ref(name) } });
}

function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}
