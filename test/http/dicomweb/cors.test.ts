import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { startFront } from './front.ts';
import type { Front } from './front.ts';

const viewer = 'https://viewer.example';
const strangers = [
  'https://evil.example',
  'null',
  'https://viewer.example.evil.example',
  'http://viewer.example',
  'https://viewer.example:8443',
  'https://VIEWER.example',
];

let front: Front;
beforeEach(async () => {
  front = await startFront((request, sink) => {
    if (request.kind !== 'search') throw new NotFoundError('no');
    sink.begin({ status: 200, headers: { 'content-type': 'application/dicom+json' } });
    sink.end();
  });
});
afterEach(() => front.close());

const preflight = (origin: string, method: string): Promise<Response> =>
  fetch(`${front.url}/dicom-web/studies?limit=101`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'accept,authorization',
    },
  });

describe('D37 a preflight', () => {
  it('of a listed origin is answered before anybody asks for a token', async () => {
    const answer = await preflight(viewer, 'GET');

    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': viewer,
      'access-control-allow-methods': 'GET, POST, OPTIONS',
      'access-control-allow-headers': 'Authorization, Accept, Content-Type',
      'access-control-max-age': '600',
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    });
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    expect(front.relayed).toEqual([]);
  });

  it('for PUT allows no PUT', async () => {
    const answer = await preflight(viewer, 'PUT');

    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS');
  });

  it.each(strangers)('of a stranger allows nothing: %s', async (origin) => {
    const answer = await preflight(origin, 'GET');

    expect(answer.status).toBe(204);
    const names = [...answer.headers.keys()].filter((name) => name.startsWith('access-control'));
    expect(names).toEqual([]);
    expect(answer.headers.get('vary')).toContain('Origin');
  });
});

describe('D37 an answer', () => {
  it.each([
    ['of the archive', 'studies', {}, 200],
    ['that nothing is there', 'studies/1.2.3/metadata', {}, 404],
    ['that there is no such resource', 'nothing', {}, 404],
    ['that the caller is unknown', 'studies', { authorization: '' }, 401],
    ['that the question is wrong', 'studies/x', {}, 400],
  ])('%s may be read by a page of a listed origin', async (_, path, headers, status) => {
    const answer = await front.get(path, { origin: viewer, ...headers });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe(viewer);
    expect(answer.headers.get('vary')).toContain('Origin');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it.each(strangers)('may not be read by others: %s', async (origin) => {
    const answer = await front.get('studies', { origin });

    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('vary')).toContain('Origin');
  });
});
