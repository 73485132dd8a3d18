import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openApiResources } from '../../src/http/openapi-resources.ts';
import { createOpenApiDocument } from '../../src/http/openapi.ts';
import { createPublicApp } from '../../src/http/public-app.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import { dicomwebRoutes } from '../../src/translate/dicomweb-routes.ts';
import { faultsOf, openApi } from '../support/openapi.ts';

const committed = new URL('../../openapi/openapi.json', import.meta.url);
const byDefault = {
  dicomwebRoot: '/dicom-web',
  scopeNames: { read: 'read', write: 'write' },
};

describe('the description of the front', () => {
  it('is committed as it is made: `npx vitest run test/http/openapi -u` writes it anew', async () => {
    const text = `${JSON.stringify(createOpenApiDocument(byDefault), null, 2)}\n`;

    await expect(text).toMatchFileSnapshot(committed.pathname);
  });

  it('is served as it is committed, without a token', async () => {
    const answer = await appWith(byDefault).request('/openapi.json');

    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toBe('application/json');
    expect(await answer.json()).toEqual(openApi);
  });

  it('has every route of the front below its root, and no other', () => {
    const described = Object.entries(openApi.paths).flatMap(([path, item]) =>
      path.startsWith('/dicom-web/')
        ? Object.keys(item).map((method) => `${method.toUpperCase()} ${path.slice(11)}`)
        : [],
    );
    const routes = dicomwebRoutes.map(({ method, template }) => `${method} ${template}`);

    expect(described.sort()).toEqual(routes.sort());
  });

  it('follows the root, the scopes and the issuer of a bridge', () => {
    const { paths, components } = createOpenApiDocument({
      dicomwebRoot: '/pacs/dw',
      scopeNames: { read: 'images:read', write: 'images:write' },
      issuer: 'https://issuer.test/realm/',
    });

    expect(Object.keys(paths)).toContain('/.well-known/oauth-protected-resource/pacs/dw');
    expect(paths['/pacs/dw/studies']?.get?.security).toEqual([
      { bearer: ['images:read'] },
      { issuer: ['images:read'] },
    ]);
    expect(paths['/pacs/dw/studies']?.post?.security[0]).toEqual({ bearer: ['images:write'] });
    expect(components.securitySchemes['issuer']).toMatchObject({
      openIdConnectUrl: 'https://issuer.test/realm/.well-known/openid-configuration',
    });
  });

  it('D48 tells strangers no version of the program', () => {
    expect(openApi.info.version).toBe('1');
  });
});

describe('the page at /docs', () => {
  it('needs no script and nothing from elsewhere, and its policy allows neither', async () => {
    const { headers, text } = await page();

    expect(text).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\bon\w+=|\bstyle=/i);
    expect(text).not.toMatch(/\b(?:src|href)="(?!#|\/openapi\.json")/);
    expect(headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(headers.get('Content-Security-Policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
  });

  it('has just the style its policy allows', async () => {
    const { headers, text } = await page();
    const styles = Array.from(text.matchAll(/<style>([^]*?)<\/style>/g), ([, style = '']) => style);
    const hash = createHash('sha256').update(styles.join()).digest('base64');

    expect(styles).toHaveLength(1);
    expect(headers.get('Content-Security-Policy')).toContain(`'sha256-${hash}'`);
  });

  it('shows every operation, and links lead to something', async () => {
    const { text } = await page();
    const ids = new Set(Array.from(text.matchAll(/ id="([^"]+)"/g), ([, id]) => id));
    const links = Array.from(text.matchAll(/href="#([^"]+)"/g), ([, id]) => id);
    const operationIds = Object.values(openApi.paths).flatMap((item) =>
      Object.values(item).map((operation: { operationId: string }) => operation.operationId),
    );

    expect(operationIds.length).toBeGreaterThan(dicomwebRoutes.length);
    expect(operationIds.filter((id) => !ids.has(id))).toEqual([]);
    expect(links.filter((id) => !ids.has(id))).toEqual([]);
  });

  it('writes what a setting says as text', async () => {
    const scopeNames = { read: '<script>alert(1)</script>', write: 'write' };
    const answer = await appWith({ ...byDefault, scopeNames }).request('/docs');

    expect(await answer.text()).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  });
});

describe('the schema of a data set', () => {
  const dataSet = { $ref: '#/components/schemas/DataSet' };

  it.each([
    ['no element', {}],
    ['an empty element', { '00100010': { vr: 'PN' } }],
    ['an empty value among others', { '00080008': { vr: 'CS', Value: ['ORIGINAL', null] } }],
    ['a name', { '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Doe^J', Phonetic: 'd' }] } }],
    ['a number', { '00280010': { vr: 'US', Value: [512] } }],
    ['a decimal string as it was written', { '00180050': { vr: 'DS', Value: ['1.250'] } }],
    ['a tag', { '00280009': { vr: 'AT', Value: ['00181063'] } }],
    ['bytes', { '00420011': { vr: 'OB', InlineBinary: 'JVBERg==' } }],
    ['bytes elsewhere', { '7FE00010': { vr: 'OW', BulkDataURI: 'https://a.test/x' } }],
    [
      'a sequence',
      { '00081115': { vr: 'SQ', Value: [{ '0020000E': { vr: 'UI', Value: ['1'] } }, {}] } },
    ],
  ])('takes %s', (_, value) => {
    expect(faultsOf(value, dataSet)).toEqual([]);
  });

  it.each([
    ['a keyword', { PatientID: { vr: 'LO', Value: ['1'] } }],
    ['a tag in lower case', { '7fe00010': { vr: 'OW' } }],
    ['an unknown value representation', { '00100020': { vr: 'XX', Value: ['1'] } }],
    ['no value representation', { '00100020': { Value: ['1'] } }],
    ['a number as text', { '00100020': { vr: 'LO', Value: [1] } }],
    ['a name as text', { '00100010': { vr: 'PN', Value: ['Doe^J'] } }],
    ['values beside an address', { '00100020': { vr: 'LO', Value: ['1'], BulkDataURI: 'x' } }],
    ['text as bytes', { '00100020': { vr: 'LO', InlineBinary: 'MQ==' } }],
    ['a fault deep in sequences', { '00081115': { vr: 'SQ', Value: [{ x: { vr: 'LO' } }] } }],
  ])('refuses %s', (_, value) => {
    expect(faultsOf(value, dataSet)).not.toEqual([]);
  });
});

function appWith(options: Parameters<typeof openApiResources>[0]) {
  const yes = () => true;
  const documents = openApiResources(options);
  return createPublicApp({ live: yes, ready: yes, documents, log: silentLogger });
}

async function page(): Promise<{ readonly headers: Headers; readonly text: string }> {
  const answer = await appWith(byDefault).request('/docs');
  return { headers: answer.headers, text: await answer.text() };
}
