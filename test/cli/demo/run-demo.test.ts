import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
      { once: true, instances: 5 },
      { io, stopRequested: new Promise(() => undefined) },
    );

    expect(io.out()).toContain('5 of 5 are byte for byte what was sent');
    expect(await leftovers()).toEqual(before);
  });

  it('stays up until it is asked to stop, and says what to try', async () => {
    const io = recordingIo();

    await runDemo({ once: false, instances: 1 }, { io, stopRequested: Promise.resolve() });

    expect(io.out()).toMatch(/send DRAWBRIDGE@127\.0\.0\.1:\d+/);
  });
});
