import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fetchViewer } from '../../../src/cli/demo/fetch-viewer.ts';
import { temporaryFolder } from '../../peers/peer.ts';
import type { TemporaryFolder } from '../../peers/peer.ts';

let folder: TemporaryFolder;
let cache: string;
let told: string[];

beforeEach(async () => {
  folder = await temporaryFolder('viewer-cache');
  cache = join(folder.path, 'drawbridge');
  told = [];
  vi.stubEnv('XDG_CACHE_HOME', folder.path);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await folder.remove();
});

const fetchIt = () => fetchViewer((text) => told.push(text));

/** An npm that does what a test says. */
async function playNpm(script: string): Promise<void> {
  await writeFile(join(folder.path, 'npm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder.path}:${process.env['PATH'] ?? ''}`);
}

describe('the viewer of the demo', () => {
  it('is taken from the cache without asking anybody', async () => {
    await playNpm('exit 1');
    await mkdir(join(cache, 'ohif-3.13.2/dist'), { recursive: true });

    expect(await fetchIt()).toBe(join(cache, 'ohif-3.13.2/dist'));
    expect(told).toEqual([]);
  });

  it.each([
    ['echo "npm error network unreachable" >&2; exit 1', 'npm error network unreachable'],
    ['echo changed > ohif-app-3.13.2.tgz', 'is not what it was'],
  ])('cannot be had, and leaves nothing behind: %s', async (script, why) => {
    await playNpm(script);

    await expect(fetchIt()).rejects.toThrow(why);
    expect(told).toEqual([expect.stringContaining('50 MB')]);
    expect(await readdir(cache)).toEqual([]);
  });
});
