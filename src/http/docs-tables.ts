import { html } from 'hono/html';
import type {
  Answer,
  OpenApiDocument,
  Operation,
  Parameter,
  Reference,
  Schema,
} from './openapi-document.ts';

/** A piece of the page, escaped where it has to be. */
export type Html = ReturnType<typeof html>;

export function parametersTable(
  parameters: readonly (Parameter | Reference)[],
  document: OpenApiDocument,
): Html {
  return html`<div class="scroll">
    <table>
      <tr>
        <th>Name</th>
        <th>In</th>
        <th>What it is</th>
      </tr>
      ${parameters
        .map((each) => resolve(each, document.components.parameters))
        .map(
          ({ name, in: place, required, description, schema, example }) =>
            html`<tr>
              <td><code>${name}</code>${required === true && place === 'query' && ' (needed)'}</td>
              <td>${place}</td>
              <td>
                ${description} <span class="soft">${describe(schema)}</span>
                ${example !== undefined && html`<br />${exampleOf(example)}`}
              </td>
            </tr>`,
        )}
    </table>
  </div>`;
}

export function answersTable(responses: Operation['responses'], document: OpenApiDocument): Html {
  return html`<div class="scroll">
    <table>
      <tr>
        <th>Status</th>
        <th>Meaning</th>
        <th>Body</th>
      </tr>
      ${Object.entries(responses).map(([status, each]) => {
        const answer = resolve(each, document.components.responses);
        return html`<tr>
          <td><span class="status ${status < '300' && 'good'}">${status}</span></td>
          <td>${answer.description}${headersOf(answer)}</td>
          <td>${bodiesOf(answer)}</td>
        </tr>`;
      })}
    </table>
  </div>`;
}

function headersOf({ headers = {} }: Answer): readonly Html[] {
  return Object.entries(headers).map(
    ([name, { description }]) =>
      html`<br /><span class="soft"><code>${name}</code>: ${description}</span>`,
  );
}

function bodiesOf({ content = {} }: Answer): readonly Html[] {
  return Object.entries(content).map(([type, { schema }]) => {
    const name = nameOf(schema?.['$ref']);
    return html`<div>
      <code>${type}</code>${name !== undefined && html` <a href="#schema-${name}">${name}</a>`}
    </div>`;
  });
}

/** What a schema of a parameter says, in a few words. */
function describe({ type, enum: values, const: only, pattern, maxLength }: Schema): string {
  const words = [
    Array.isArray(values) && `One of ${values.join(', ')}.`,
    only !== undefined && `Always ${write(only)}.`,
    type === 'integer' && 'A number.',
    type === 'boolean' && 'true or false.',
    pattern !== undefined && `Matches ${write(pattern)}.`,
    maxLength !== undefined && `At most ${write(maxLength)} characters.`,
  ];
  return words.filter((word) => word !== false).join(' ');
}

function exampleOf(example: unknown): Html {
  return html`<span class="soft">Such as</span> <code>${write(example)}</code>`;
}

function write(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function resolve<T extends object>(
  each: T | Reference,
  components: Readonly<Record<string, T>>,
): T {
  if (!('$ref' in each)) return each;
  const found = components[nameOf(each.$ref) ?? ''];
  if (found === undefined) throw new Error(`the document has no ${each.$ref}`);
  return found;
}

function nameOf(ref: unknown): string | undefined {
  return typeof ref === 'string' ? ref.slice(ref.lastIndexOf('/') + 1) : undefined;
}
