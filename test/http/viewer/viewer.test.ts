import { createHash } from 'node:crypto';
import { mkdir, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPublicApp } from '../../../src/http/public-app.ts';
import { createViewer } from '../../../src/http/viewer/viewer.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { temporaryFolder } from '../../peers/peer.ts';
import type { TemporaryFolder } from '../../peers/peer.ts';

const script = 'window.PUBLIC_URL="/"';
const page = `<!doctype html><script>${script}</script><script src="/app-config.js"></script>`;
const bundle = 'console.log("viewer");\n'.repeat(200);
const bundleName = '/app.bundle.0f6159c501addfe9.js';
const navigation = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const gzip = { 'Accept-Encoding': 'gzip, deflate, br' };

let folder: TemporaryFolder;
let app: ReturnType<typeof createPublicApp>;

beforeAll(async () => {
  folder = await temporaryFolder('viewer');
  const dist = join(folder.path, 'dist');
  const put = (name: string, content: string | Buffer) => writeFile(join(dist, name), content);
  await mkdir(join(dist, 'assets'), { recursive: true });
  await writeFile(join(folder.path, 'secret.txt'), 'not to be seen');
  await put('index.html', page);
  await put('silent-refresh.html', '<script src="es6-shim.min.js"></script>');
  await put(bundleName, bundle);
  await put(`${bundleName}.map`, '{}');
  await put('app.bundle.css', 'body { color: red }\n'.repeat(100));
  await put('app.bundle.css.gz', gzipSync('body { color: red }\n'.repeat(100), { level: 9 }));
  await put('old.css', 'p {}\n'.repeat(400));
  await put('old.css.gz', 'of another build');
  await utimes(join(dist, 'old.css.gz'), new Date(2000, 0), new Date(2000, 0));
  await put('short.js', '1');
  await put('assets/logo.png', Buffer.alloc(4096));
  await put('0ddf166f7a343eda.wasm', Buffer.alloc(4096));
  await put('tools.jsonc', '{}');
  await put('app-config.js', 'window.config = "of the package"');
  await put('.env', 'SECRET=1');
  await symlink('../secret.txt', join(dist, 'link.txt'));
  await symlink('..', join(dist, 'above'));
  const viewer = createViewer({
    folder: dist,
    dicomwebRoot: '/dicom-web',
    wadoUriPath: '/wado',
    signInOrigins: () => Promise.resolve(['https://idp.test']),
    signIn: {
      issuer: 'https://idp.test/realms/r',
      clientId: 'ohif',
      scopes: ['dicomweb.read', 'dicomweb.write'],
      resource: 'https://pacs.test/dicom-web',
    },
  });
  app = createPublicApp({ live: () => true, ready: () => true, viewer, log: silentLogger });
});
afterAll(() => folder.remove());

const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  Promise.resolve(app.request(path, { headers, method }));

describe('the viewer', () => {
  it.each([
    '/',
    '/viewer',
    '/viewer?StudyInstanceUIDs=1.2.3',
    '/callback?code=x',
    '/segmentation/',
  ])('is one page, whatever of its addresses %s somebody goes to', async (path) => {
    const answer = await ask(path, navigation);

    expect(answer.status).toBe(200);
    expect(answer.headers.get('Content-Type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('Cache-Control')).toBe('no-cache');
    expect(await answer.text()).toBe(page);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['/viewer', { Accept: 'application/json' }],
    ['/viewer', {}],
    ['/viewer', { ...navigation, 'Sec-Fetch-Mode': 'cors' }],
    ['/gone.bundle.0f6159c501addfe0.js', navigation],
    ['/assets', { Accept: '*/*' }],
  ])('is no answer to what only looks like a page: %s %j', async (path, headers) => {
    const answer = await ask(path, headers);

    expect(answer.status).toBe(404);
    expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
  });

  it('is what a browser goes to, by whatever it accepts', async () => {
    expect((await ask('/viewer', { 'Sec-Fetch-Mode': 'navigate' })).status).toBe(200);
  });

  it.each([
    [bundleName, 'text/javascript; charset=utf-8'],
    ['/app.bundle.css', 'text/css; charset=utf-8'],
    ['/0ddf166f7a343eda.wasm', 'application/wasm'],
    ['/assets/logo.png', 'image/png'],
    ['/tools.jsonc', 'application/json'],
    ['/silent-refresh.html', 'text/html; charset=utf-8'],
  ])('%s is of type %s, and nobody guesses', async (path, type) => {
    const answer = await ask(path);

    expect(answer.headers.get('Content-Type')).toBe(type);
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
  });

  it('answers HEAD without a body and other methods with 405', async () => {
    const head = await ask(bundleName, {}, 'HEAD');

    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(head.headers.get('Content-Length')).toBe(String(bundle.length));
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await ask('/', {}, method);
      expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'GET, HEAD']);
    }
  });
});

describe('files of the viewer', () => {
  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '/link.txt',
    '/above/secret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/index.html%00.js',
    '/%',
    '/%c0%ae%c0%ae/secret.txt',
    '/.env',
    '/assets/',
    `/${'x'.repeat(300)}`,
  ])('D17 nothing else of the machine is one: %s', async (path) => {
    const answer = await ask(path);

    expect([200, 404]).toContain(answer.status);
    expect(await answer.text()).not.toMatch(/not to be seen|SECRET/);
  });

  it.each([
    '/metrics',
    '/debug',
    '/admin',
    '/health/ingest',
    '/.well-known',
    '/docs/x',
    '/wado',
    `${bundleName}.map`,
  ])('D48 %s is none, not even to a browser', async (path) => {
    const answer = await ask(path, navigation);

    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ status: 404, title: 'Not Found' });
  });

  it('leave paths of ours alone', async () => {
    expect(await (await ask('/health/live', navigation)).text()).toBe('ok\n');
    expect(await (await ask('/app-config.js')).text()).not.toContain('of the package');
  });

  it('travel compressed where that gains something', async () => {
    const answer = await ask(bundleName, gzip);
    const bytes = Buffer.from(await answer.arrayBuffer());

    expect(answer.headers.get('Content-Encoding')).toBe('gzip');
    expect(answer.headers.get('Vary')).toBe('Accept-Encoding');
    expect(gunzipSync(bytes).toString()).toBe(bundle);
    for (const path of ['/assets/logo.png', '/short.js']) {
      expect((await ask(path, gzip)).headers.get('Content-Encoding')).toBeNull();
    }
    for (const accepted of ['', 'identity', 'gzip;q=0', 'gzip; q=0.0, deflate']) {
      const plain = await ask(bundleName, { 'Accept-Encoding': accepted });
      expect(plain.headers.get('Content-Encoding')).toBeNull();
      expect(await plain.text()).toBe(bundle);
    }
  });

  it('travel as they were compressed before, unless they have changed since', async () => {
    const css = join(folder.path, 'dist/app.bundle.css.gz');

    const made = await ask('/app.bundle.css', gzip);
    const outdated = await ask('/old.css', gzip);

    expect(made.headers.get('Content-Length')).toBe(String((await stat(css)).size));
    expect(made.headers.get('Content-Encoding')).toBe('gzip');
    expect(made.headers.get('Content-Type')).toBe('text/css; charset=utf-8');
    expect(gunzipSync(Buffer.from(await outdated.arrayBuffer())).toString()).toBe(
      'p {}\n'.repeat(400),
    );
  });

  it('are kept for good by the browser when their name has a digest', async () => {
    const forGood = 'public, max-age=31536000, immutable';

    expect((await ask(bundleName)).headers.get('Cache-Control')).toBe(forGood);
    expect((await ask('/0ddf166f7a343eda.wasm')).headers.get('Cache-Control')).toBe(forGood);
    expect((await ask('/app.bundle.css')).headers.get('Cache-Control')).toBe('no-cache');
  });

  it('are not sent again to who has them, in the form they have', async () => {
    const tag = (await ask('/app.bundle.css')).headers.get('ETag') ?? '';
    const gzipTag = (await ask('/app.bundle.css', gzip)).headers.get('ETag') ?? '';
    const status = async (ifNoneMatch: string, more = {}) => {
      const answer = await ask('/app.bundle.css', { 'If-None-Match': ifNoneMatch, ...more });
      return answer.status;
    };

    expect(tag).toMatch(/^"[^"]+"$/);
    expect(gzipTag).not.toBe(tag);
    expect(await status(tag)).toBe(304);
    expect(await status(`W/${tag}`)).toBe(304);
    expect(await status(`"x", ${tag}`)).toBe(304);
    expect(await status(gzipTag)).toBe(200);
    expect(await status(gzipTag, gzip)).toBe(304);
  });

  it('have another tag once they were put there anew, of the same length and date as before', async () => {
    const path = join(folder.path, 'dist/same.css');
    const packed = new Date(1985, 9, 26);
    const put = async (content: string): Promise<string | null> => {
      await writeFile(path, content);
      await utimes(path, packed, packed);
      return (await ask('/same.css')).headers.get('ETag');
    };

    const before = await put('a{}');
    const { ctimeMs } = await stat(path);
    // Until the clock of the file system has gone on.
    let after = before;
    while ((await stat(path)).ctimeMs < ctimeMs + 1) after = await put('b{}');

    expect(after).not.toBe(before);
  });
});

describe("the viewer's page", () => {
  it('may run its own scripts and workers, and reach us and the issuer', async () => {
    const policy = (await ask('/', navigation)).headers.get('Content-Security-Policy') ?? '';
    const directives = new Map(
      policy.split('; ').map((each) => [each.split(' ')[0], each.split(' ').slice(1)]),
    );
    const digest = createHash('sha256').update(script).digest('base64');

    expect(directives.get('default-src')).toEqual(["'self'"]);
    expect(directives.get('script-src')).toEqual(["'self'", "'unsafe-eval'", `'sha256-${digest}'`]);
    expect(directives.get('worker-src')).toEqual(["'self'", 'blob:']);
    expect(directives.get('connect-src')).toContain('https://idp.test');
    expect(directives.get('frame-ancestors')).toEqual(["'self'"]);
    expect(policy).not.toContain('*');
    expect(directives.get('script-src')).not.toContain("'unsafe-inline'");
  });

  it('tells other sites nothing of the study in its address', async () => {
    expect((await ask('/', navigation)).headers.get('Referrer-Policy')).toBe('same-origin');
  });
});
