import { afterEach, describe, expect, it } from 'vitest';
import { aborted, deferred, frames, startFront, wire } from './front.ts';
import type { Front } from './front.ts';

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

describe('D41 a client that goes away', () => {
  it('is noticed at once by whoever writes', async () => {
    const gone = deferred<unknown>();
    const begun = deferred<undefined>();
    const front = await start(async (_, sink, { signal }) => {
      sink.begin({ status: 200, headers: {} });
      sink.write(Buffer.from('x'));
      begun.resolve(undefined);
      await aborted(signal).catch((reason: unknown) => {
        gone.resolve(reason);
        throw reason;
      });
    });
    const socket = front.connect();
    socket.write(wire(`/dicom-web/${frames}`));
    await begun.promise;

    socket.destroy();

    expect(await gone.promise).toMatchObject({ message: 'the client has gone' });
    expect(front.log.lines).toHaveLength(1);
    expect(front.log.lines[0]).toMatch(/request broken off$/);
    expect(front.ended).toMatchObject([{ status: 'aborted', bytesOut: 1 }]);
  });

  it('or takes nothing any more is cut off', async () => {
    const gone = deferred<unknown>();
    const front = await start(
      async (_, sink, { signal }) => {
        sink.begin({ status: 200, headers: {} });
        const writing = async (): Promise<void> => {
          for (;;) {
            if (!sink.write(Buffer.alloc(1_000_000))) {
              await Promise.race([
                aborted(signal),
                new Promise<void>((resolve) => sink.drained(resolve)),
              ]);
            }
          }
        };
        await writing().catch((reason: unknown) => {
          gone.resolve(reason);
          throw reason;
        });
      },
      { limits: { stallMs: 100 } },
    );
    const socket = front.connect();
    socket.on('error', () => undefined).pause();
    socket.write(wire(`/dicom-web/${frames}`));

    expect(await gone.promise).toMatchObject({ message: 'the client has gone' });
    socket.destroy();
  });
});

describe('requests that are sent ahead of their answers', () => {
  const first = wire('/dicom-web/studies').replace('Connection: close\r\n', '');
  const next = wire('/dicom-web/series').replace('Connection: close\r\n', '');

  it('are answered in their order', async () => {
    const front = await start((request, sink) => {
      sink.begin({ status: 200, headers: {} });
      sink.write(Buffer.from(request.kind === 'search' ? request.level : ''));
      sink.end();
    });

    const answer = await front.raw(first + next + wire('/dicom-web/instances'));

    expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
    expect(answer).toMatch(/\r\nstudy\r\n[^]*\r\nseries\r\n[^]*\r\ninstance\r\n/);
  });

  it('wait for their turn, and are not begun for a client that has gone', async () => {
    const gone = deferred<unknown>();
    const front = await start(async (_, __, { signal }) => {
      await aborted(signal).catch((reason: unknown) => {
        gone.resolve(reason);
        throw reason;
      });
    });
    const socket = front.connect();
    socket.write(first + next);
    // What was sent before this was read before it.
    expect((await front.get('nothing')).status).toBe(404);
    expect(front.relayed).toHaveLength(1);

    socket.destroy();
    await gone.promise;

    expect((await front.get('nothing')).status).toBe(404);
    expect(front.relayed).toHaveLength(1);
    expect(front.ended.map(({ status }) => status)).toEqual([404, 'aborted', 404]);
  });

  it('end the connection where there are very many', async () => {
    const front = await start(async (_, __, { signal }) => {
      await aborted(signal);
    });

    const answer = await front.raw(first + next.repeat(17));

    expect(answer).toBe('');
    expect(front.relayed).toHaveLength(1);
  });
});
