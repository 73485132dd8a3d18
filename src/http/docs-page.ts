import { html, raw } from 'hono/html';
import { createHash } from 'node:crypto';
import { answersTable, parametersTable } from './docs-tables.ts';
import type { Html } from './docs-tables.ts';
import { docsStyle } from './docs-style.ts';
import type { OpenApiDocument, Operation, Schema } from './openapi-document.ts';

const styleHash = createHash('sha256').update(docsStyle).digest('base64');

/** The page needs one style and nothing else: no script, no picture, nothing from elsewhere. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** An OpenAPI document as one page for people. */
export async function docsPage(document: OpenApiDocument): Promise<string> {
  const { info, tags, components } = document;
  const groups = tags.map((tag) => ({ ...tag, entries: entriesOf(document, tag.name) }));
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title}</title>
        ${raw(`<style>${docsStyle}</style>`)}
      </head>
      <body>
        <div class="frame">
          <nav aria-label="Contents">
            ${groups.map(
              ({ name, entries }) =>
                html`<strong>${name}</strong>${entries.map(
                    ({ operation }) =>
                      html`<a href="#${operation.operationId}">${operation.summary}</a>`,
                  )}`,
            )}
            <strong>Bodies</strong>
            ${Object.keys(components.schemas).map(
              (name) => html`<a href="#schema-${name}">${name}</a>`,
            )}
          </nav>
          <main>
            <h1>${info.title}</h1>
            <p class="lead">${info.summary}</p>
            ${info.description.split('\n\n').map((paragraph) => html`<p>${paragraph}</p>`)}
            <p class="soft">
              For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI ${document.openapi}).
            </p>
            ${groups.map(
              ({ name, description, entries }) =>
                html`<h2>${name}</h2>
                  <p class="soft">${description}</p>
                  ${entries.map((entry) => operationCard(entry, document))}`,
            )}
            <h2>Bodies</h2>
            ${Object.entries(components.schemas).map(schemaCard)}
          </main>
        </div>
      </body>
    </html>`;
  return String(await page);
}

interface Entry {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly operation: Operation;
}

function entriesOf({ paths }: OpenApiDocument, tag: string): readonly Entry[] {
  return Object.entries(paths)
    .flatMap(([path, item]) =>
      (['get', 'post'] as const).flatMap((method) => {
        const operation = item[method];
        return operation === undefined ? [] : [{ method, path, operation }];
      }),
    )
    .filter(({ operation }) => operation.tags.includes(tag));
}

function operationCard({ method, path, operation }: Entry, document: OpenApiDocument): Html {
  const { operationId, summary, security, parameters = [], requestBody, responses } = operation;
  const scope = security.flatMap((each) => Object.values(each).flat())[0];
  const segments = path.split(/(\{\w+\})/);
  return html`<details class="operation">
    <summary>
      <span class="method ${method}">${method.toUpperCase()}</span>
      <code
        >${segments.map((segment) =>
          segment.startsWith('{') ? html`<span class="variable">${segment}</span>` : segment,
        )}</code
      >
      <span class="title">${summary}</span>
    </summary>
    <div class="inside" id="${operationId}">
      <p>
        ${
          scope === undefined
            ? 'No token is needed.'
            : html`Takes a token with the scope <code>${scope}</code>.`
        }
      </p>
      ${
        parameters.length > 0 &&
        html`<h3>Parameters</h3>
          ${parametersTable(parameters, document)}`
      }
      ${
        requestBody &&
        html`<h3>Body</h3>
          <p>${requestBody.description}</p>
          <p>${Object.keys(requestBody.content).map((type) => html`<code>${type}</code> `)}</p>`
      }
      <h3>Answers</h3>
      ${answersTable(responses, document)}
    </div>
  </details>`;
}

function schemaCard([name, schema]: readonly [string, Schema]): Html {
  return html`<details class="schema">
    <summary><code>${name}</code></summary>
    <div class="inside" id="schema-${name}">
      <p>${schema['description']}</p>
      <pre>${JSON.stringify(schema, null, 2)}</pre>
    </div>
  </details>`;
}
