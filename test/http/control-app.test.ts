import { describe, expect, it } from 'vitest';
import { SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import { createControlApp } from '../../src/http/control-app.ts';
import { entryStates } from '../../src/spool/queue-desk.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import { RecentRefusals } from '../../src/telemetry/recent-refusals.ts';
import { idleStatus } from '../support/bridge-status.ts';
import { InMemoryQueue } from '../support/in-memory-queue.ts';

describe('the control app', () => {
  it('lists a page of what the filter meets', async () => {
    const { queue, post } = begin();
    queue.add({ arrivedAt: 10, study: '1.5', state: 'failed' });
    const second = queue.add({ arrivedAt: 20, study: '1.5', state: 'failed' });
    queue.add({ arrivedAt: 30, study: '1.5' });
    queue.add({ arrivedAt: 40, study: '1.6', state: 'failed' });

    const answer = await post('/queue/list', {
      filter: {
        ...{ destination: 'main', studyInstanceUid: '1.5', states: ['failed', 'kept'] },
        ...{ arrivedFrom: 10, arrivedUntil: 30 },
      },
      limit: 1,
      offset: 1,
    });

    expect(answer).toEqual({ status: 200, body: { entries: [second], total: 2, totalBytes: 8 } });
  });

  it.each([
    ['nothing', undefined],
    ['a list', []],
    ['no limit', { filter: {} }],
    ['a limit beyond bounds', { filter: {}, limit: 10_001 }],
    ['a limit that is text', { filter: {}, limit: '1' }],
    ['a negative offset', { filter: {}, limit: 1, offset: -1 }],
    ['a filter that is misspelt', { filter: { sates: ['failed'] }, limit: 1 }],
    ['a filter of a prototype', { filter: { constructor: 'x' }, limit: 1 }],
    ['a state that is none', { filter: { states: ['gone'] }, limit: 1 }],
    ['a study that is no UID', { filter: { studyInstanceUid: '../x' }, limit: 1 }],
    ['ids that are no list', { filter: { ids: 'x' }, limit: 1 }],
    ['a time that is no number', { filter: { arrivedFrom: '2026' }, limit: 1 }],
    ['something else', { filter: {}, limit: 1, more: 1 }],
  ])('answers %s with a problem document', async (_, body) => {
    const answer = await begin().post('/queue/list', body);

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ status: 400, title: 'Bad Request' });
  });

  it.each(['retry', 'replay', 'drop'] as const)(
    'carries out %s, but not without being told on what',
    async (order) => {
      const { queue, post } = begin();
      queue.add({ state: 'failed' });
      queue.add({ state: 'kept' });
      queue.add({ state: 'sending' });

      const unsaid = await post(`/queue/${order}`, {});
      const answer = await post(`/queue/${order}`, { filter: {} });

      expect(unsaid).toMatchObject({ status: 400, body: { detail: 'filter is missing' } });
      expect(answer).toMatchObject({ status: 200, body: { busy: 1 } });
      expect(queue.orders).toEqual([[order, {}]]);
    },
  );

  it('shows an entry and streams its file', async () => {
    const { queue, app, get } = begin();
    const file = Buffer.alloc(300_000, 'part 10');
    const { id } = queue.add({ sop: '1.2.77', file });

    const shown = await get(`/queue/entries/${id}`);
    const streamed = await app.request(`/queue/entries/${id}/file`);

    expect(shown).toMatchObject({ status: 200, body: { id, sopInstanceUid: '1.2.77' } });
    expect(streamed.headers.get('Content-Type')).toBe('application/dicom');
    expect(streamed.headers.get('Content-Length')).toBe('300000');
    expect(Buffer.from(await streamed.arrayBuffer()).equals(file)).toBe(true);
    expect(queue.openFiles).toBe(0);
  });

  it('lets go of a file whose reader goes away', async () => {
    const { queue, app } = begin();
    const { id } = queue.add({ file: Buffer.alloc(300_000) });

    const unread = await app.request(`/queue/entries/${id}/file`);
    await unread.body?.cancel();
    const begun = (await app.request(`/queue/entries/${id}/file`)).body?.getReader();
    await begun?.read();
    const meanwhile = queue.openFiles;
    await begun?.cancel();

    expect(meanwhile).toBe(1);
    expect(queue.openFiles).toBe(0);
  });

  it('breaks off when a file cannot be read to its end, and lets go of it', async () => {
    const { queue, app } = begin();
    const { id } = queue.add({ file: Buffer.alloc(300_000) });
    const open = queue.open.bind(queue);
    queue.open = async (wanted) => {
      const source = await open(wanted);
      return source && { ...source, read: () => failing(source.read()) };
    };

    const answer = await app.request(`/queue/entries/${id}/file`);

    await expect(answer.arrayBuffer()).rejects.toThrow('disk gone');
    expect(queue.openFiles).toBe(0);
  });

  it.each(['/queue/entries/none', '/queue/entries/none/file', '/queue', '/', '/status/'])(
    'answers %s with 404',
    async (path) => {
      expect(await begin().get(path)).toMatchObject({ status: 404, body: { title: 'Not Found' } });
    },
  );

  it('answers the wrong method with 405', async () => {
    const answer = await begin().app.request('/queue/drop');

    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'POST']);
  });

  it('pauses and resumes destinations that exist', async () => {
    const { queue, post } = begin();

    const unknown = await post('/queue/pause', { destination: 'elsewhere' });
    const paused = await post('/queue/pause', { destination: 'main' });
    const meanwhile = queue.paused();
    await post('/queue/resume', { destination: 'main' });

    expect(unknown).toMatchObject({
      status: 404,
      body: { detail: 'there is no destination of that name; there is: main' },
    });
    expect(paused.status).toBe(200);
    expect([meanwhile, queue.paused()]).toEqual([['main'], []]);
  });

  it('tells how the bridge is doing and whom it refused', async () => {
    const { get, refusals } = begin();
    const refusal = {
      ...{ at: '2026-11-21T12:00:00.000Z', peer: '192.0.2.1', reason: 'called-ae-title' },
      ...{ callingAeTitle: 'CT01', calledAeTitle: 'DRAWBRIGE', message: 'we are DRAWBRIDGE' },
    };
    refusals.note(refusal);

    expect((await get('/status')).body).toMatchObject({ version: '1.2.3', breaker: 'closed' });
    expect((await get('/refusals')).body).toEqual([refusal]);
  });

  it('says what the spool could not do, and hides what nobody foresaw', async () => {
    const { queue, post } = begin();
    queue.retry = () => Promise.reject(new SpoolUnavailableError('the disk is gone', undefined));
    queue.drop = () => Promise.reject(new Error('secret place'));

    const known = await post('/queue/retry', { filter: {} });
    const unknown = await post('/queue/drop', { filter: {} });

    expect(known).toMatchObject({ status: 503, body: { detail: 'the disk is gone' } });
    expect(unknown.status).toBe(500);
    expect(JSON.stringify(unknown.body)).not.toContain('secret');
  });

  it('does not read a body without end', async () => {
    const answer = await begin().app.request('/queue/list', {
      method: 'POST',
      body: Buffer.alloc(17 * 1024 * 1024, ' '),
    });

    expect(answer.status).toBe(413);
  });
});

function begin() {
  const queue = new InMemoryQueue();
  const refusals = new RecentRefusals();
  const app = createControlApp({
    queue,
    states: entryStates,
    status: () => ({ ...idleStatus, paused: queue.paused() }),
    refusals,
    log: silentLogger,
  });
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await app.request(path, init);
    return { status: answer.status, body: (await answer.json()) as object };
  };
  return {
    ...{ queue, app, refusals, get: ask },
    post: (path: string, body: unknown) =>
      ask(path, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) }),
  };
}

async function* failing(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk;
    throw new Error('disk gone');
  }
}
