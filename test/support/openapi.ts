import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { readFileSync } from 'node:fs';
import type { Answer, OpenApiDocument, Operation } from '../../src/http/openapi-document.ts';

const file = new URL('../../openapi/openapi.json', import.meta.url);

/** The committed description of the front. */
export const openApi = JSON.parse(readFileSync(file, 'utf8')) as OpenApiDocument;

/** `get /dicom-web/studies`, and its answers with their references resolved. */
export interface DescribedOperation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly operation: Operation;
  readonly answers: Readonly<Record<string, Answer>>;
}

export const operations: readonly DescribedOperation[] = Object.entries(openApi.paths).flatMap(
  ([path, item]) =>
    (['get', 'post'] as const).flatMap((method) => {
      const operation = item[method];
      if (operation === undefined) return [];
      return [{ method, path, operation, answers: answersOf(operation) }];
    }),
);

export function operationNamed(operationId: string): DescribedOperation {
  const found = operations.find((each) => each.operation.operationId === operationId);
  if (found === undefined) throw new Error(`no operation ${operationId}`);
  return found;
}

function answersOf({ responses }: Operation): Readonly<Record<string, Answer>> {
  return Object.fromEntries(
    Object.entries(responses).map(([status, answer]) => {
      if (!('$ref' in answer)) return [status, answer];
      const name = answer.$ref.replace('#/components/responses/', '');
      const found = openApi.components.responses[name];
      if (found === undefined) throw new Error(`no response ${name}`);
      return [status, found];
    }),
  );
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(openApi, 'openapi');

/** What is wrong with a value that a schema of the document describes: nothing, at best. */
export function faultsOf(value: unknown, schema: object): readonly string[] {
  const here = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"openapi#/')) as object;
  const validate = ajv.compile(here);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

interface Came {
  readonly status: number;
  readonly mediaType: string;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** In which ways an answer is not what its operation says: status, headers, media type and body. */
export function faultsOfAnswer(
  { answers }: DescribedOperation,
  { status, mediaType, headers, body }: Came,
): readonly string[] {
  const answer = answers[String(status)];
  if (answer === undefined) return [`status ${status} is not described`];
  const missing = Object.entries(answer.headers ?? {})
    .filter(([name, { required }]) => required === true && !headers.has(name))
    .map(([name]) => `there is no ${name}`);
  const { content } = answer;
  if (content === undefined) return body.length > 0 ? [...missing, 'there is a body'] : missing;
  const form = Object.keys(content).find((described) => isOf(mediaType, described));
  if (form === undefined) return [...missing, `${mediaType} is not described`];
  const schema = content[form]?.schema;
  if (schema === undefined) return missing;
  const value: unknown = mediaType.includes('json') ? JSON.parse(body.toString()) : body.toString();
  return [...missing, ...faultsOf(value, schema)];
}

/** The same type, and the parameters that are described; others, such as a boundary, may be there. */
export function isOf(mediaType: string, described: string): boolean {
  const [type, ...parameters] = parts(described);
  const [ownType, ...own] = parts(mediaType);
  return type === ownType && parameters.every((parameter) => own.includes(parameter));
}

function parts(mediaType: string): readonly string[] {
  return mediaType
    .toLowerCase()
    .replaceAll('"', '')
    .split(';')
    .map((part) => part.trim());
}
