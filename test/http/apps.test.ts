import { describe, expect, it } from 'vitest';
import { createOperationsApp } from '../../src/http/operations-app.ts';
import { createPublicApp } from '../../src/http/public-app.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';

const yes = () => true;
const no = () => false;
const metrics = {
  expose: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'a 1\n' }),
};
const log = silentLogger;

describe('the public app', () => {
  it('D48 tells health by the status code and hardly anything else', async () => {
    const app = createPublicApp({ live: yes, ready: no, log });

    const live = await app.request('/health/live');
    const ready = await app.request('/health/ready');

    expect([live.status, await live.text()]).toEqual([200, 'ok\n']);
    expect([ready.status, await ready.text()]).toEqual([503, 'no\n']);
    expect(live.headers.get('Cache-Control')).toBe('no-store');
  });

  it.each(['/metrics', '/health/ingest', '/debug', '/.well-known', '/health/live/', '/'])(
    'D48 does not have %s',
    async (path) => {
      const answer = await createPublicApp({ live: yes, ready: yes, log }).request(path);

      expect(answer.status).toBe(404);
      expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
      expect(await answer.json()).toEqual({ status: 404, title: 'Not Found' });
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
    'D38 answers %s with 405',
    async (method) => {
      const app = createPublicApp({ live: yes, ready: yes, log });

      const answer = await app.request('/health/live', { method });

      expect(answer.status).toBe(405);
      expect(answer.headers.get('Allow')).toBe('GET, HEAD');
      expect(answer.headers.get('Content-Type')).toBe('application/problem+json');
    },
  );

  it('answers HEAD without a body', async () => {
    const answer = await createPublicApp({ live: yes, ready: yes, log }).request('/health/live', {
      method: 'HEAD',
    });

    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it('counts a check that fails as a no', async () => {
    const broken = () => Promise.reject(new Error('disk gone'));

    const answer = await createPublicApp({ live: yes, ready: broken, log }).request(
      '/health/ready',
    );

    expect(answer.status).toBe(503);
    expect(await answer.text()).not.toContain('disk');
  });
});

describe('the operations app', () => {
  it('has metrics and all three health resources', async () => {
    const app = createOperationsApp({ live: yes, ready: yes, ingest: no, metrics, log });

    const answer = await app.request('/metrics');

    expect(answer.headers.get('Content-Type')).toBe('text/plain; version=0.0.4');
    expect(answer.headers.get('X-Content-Type-Options')).toBe('nosniff');
    expect(await answer.text()).toBe('a 1\n');
    expect((await app.request('/health/live')).status).toBe(200);
    expect((await app.request('/health/ready')).status).toBe(200);
    expect((await app.request('/health/ingest')).status).toBe(503);
  });

  it('hides what went wrong from the client and tells the log', async () => {
    const logged: object[] = [];
    const app = createOperationsApp({
      live: yes,
      ready: yes,
      ingest: yes,
      metrics: { expose: () => Promise.reject(new Error('secret place')) },
      log: { ...silentLogger, error: (fields) => logged.push(fields) },
    });

    const answer = await app.request('/metrics');

    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret place');
    expect(logged).toMatchObject([{ err: { message: 'secret place' }, path: '/metrics' }]);
  });
});
