import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runDemo } from '../../../src/cli/demo/run-demo.ts';
import { recordingIo } from '../../support/recording-io.ts';

const leftovers = async (): Promise<readonly string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('drawbridge-demo-'));

describe('drawbridge demo', () => {
  it('takes a study through a bridge, compares it, and leaves nothing behind', async () => {
    const before = await leftovers();
    const io = recordingIo();

    await runDemo(
      { once: true, viewer: false, instances: 5 },
      { io, stopRequested: new Promise(() => undefined) },
    );

    expect(io.out()).toContain('with an access token: 5 of 5 are byte for byte what was sent');
    expect(io.out()).toContain('without a token the same address answers 401');
    expect(await leftovers()).toEqual(before);
  });

  it('stays up until it is asked to stop, and says what to try', async () => {
    const io = recordingIo();

    await runDemo(
      { once: false, viewer: false, instances: 1 },
      { io, stopRequested: Promise.resolve() },
    );

    expect(io.out()).toMatch(/send DRAWBRIDGE@127\.0\.0\.1:\d+/);
  });

  it('prints a curl line that works as it stands', async () => {
    const io = recordingIo();
    const answered = new Promise<string>((resolve, reject) => {
      const look = setInterval(() => {
        const line = /^ {2}(curl -H .*)$/m.exec(io.out())?.[1];
        if (line === undefined) return;
        clearInterval(look);
        promisify(execFile)('sh', ['-c', `${line} --silent --fail`]).then(
          ({ stdout }) => resolve(stdout),
          reject,
        );
      }, 20);
    });

    const demo = runDemo(
      { once: false, viewer: false, instances: 1 },
      { io, stopRequested: answered.then(() => undefined) },
    );

    expect(JSON.parse(await answered)).toHaveLength(1);
    await demo;
  });
});
