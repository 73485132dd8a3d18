import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CompressedFiles } from '../../../src/http/viewer/compressed-files.ts';
import type { ViewerFile } from '../../../src/http/viewer/viewer-files.ts';
import { temporaryFolder } from '../../peers/peer.ts';
import type { TemporaryFolder } from '../../peers/peer.ts';

let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('compressed');
});
afterEach(() => folder.remove());

/** A file that stays as long when it is compressed. */
async function put(name: string, { bytes = 10_000, changedAt = 1 } = {}): Promise<ViewerFile> {
  const path = join(folder.path, name);
  await writeFile(path, randomBytes(bytes));
  return { path, bytes, modifiedAt: 1, changedAt };
}

it('does the work once, for however many ask', async () => {
  const files = new CompressedFiles({ maxBytes: 100_000 });
  const file = await put('a.js');

  const [first, second] = await Promise.all([files.gzip(file), files.gzip(file)]);

  expect(gunzipSync(first)).toHaveLength(10_000);
  expect(second).toBe(first);
  expect(await files.gzip(file)).toBe(first);
});

it('does it anew when the file has changed', async () => {
  const files = new CompressedFiles({ maxBytes: 100_000 });
  const before = await files.gzip(await put('a.js'));

  const after = await files.gzip(await put('a.js', { changedAt: 2 }));

  expect(after.equals(before)).toBe(false);
});

it('holds the latest ones, and no more than it may', async () => {
  const files = new CompressedFiles({ maxBytes: 25_000 });
  const [a, b, c] = [await put('a.js'), await put('b.js'), await put('c.js')];
  const [madeOfA, madeOfB] = [await files.gzip(a), await files.gzip(b)];

  await files.gzip(a);
  await files.gzip(c);

  expect(await files.gzip(a)).toBe(madeOfA);
  expect(await files.gzip(b)).not.toBe(madeOfB);
});

it('makes all that are asked for at once, though it cannot hold them', async () => {
  const files = new CompressedFiles({ maxBytes: 15_000 });
  const given = await Promise.all(['a', 'b', 'c', 'd'].map((name) => put(name)));

  const made = await Promise.all(given.map((file) => files.gzip(file)));

  expect(made.map((content) => gunzipSync(content).length)).toEqual(given.map(() => 10_000));
});

it('tries again after a file could not be read', async () => {
  const files = new CompressedFiles({ maxBytes: 100_000 });
  const missing = { path: join(folder.path, 'a.js'), bytes: 10_000, modifiedAt: 1, changedAt: 1 };

  await expect(files.gzip(missing)).rejects.toThrow('ENOENT');
  await put('a.js');

  expect(gunzipSync(await files.gzip(missing))).toHaveLength(10_000);
});
