import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CommandError } from '../../src/cli/command-error.ts';
import { findDicomFiles } from '../../src/cli/find-dicom-files.ts';
import { generateStudy } from '../../src/cli/demo/generate-study.ts';

let folder: string;
const [object] = [...generateStudy({ instances: 1, rows: 4, columns: 4, random: Math.random })];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

it('expands folders to the bottom, sorted, and counts what is no DICOM', async () => {
  await put('b/2.dcm', 'b/1', 'a/deep/er/3.dcm');
  await writeFile(join(folder, 'b', 'notes.txt'), 'mine');
  await writeFile(join(folder, 'b', 'empty.dcm'), '');

  const found = await findDicomFiles([folder]);

  expect(names(found)).toEqual(['a/deep/er/3.dcm', 'b/1', 'b/2.dcm']);
  expect(found.files[0]?.bytes).toBe(object?.bytes.length);
  expect([found.skipped, found.unreadable]).toEqual([2, []]);
});

it('keeps the order of the arguments and names no file twice', async () => {
  await put('a.dcm', 'b.dcm');

  const found = await findDicomFiles([join(folder, 'b.dcm'), folder, join(folder, 'a.dcm')]);

  expect(names(found)).toEqual(['b.dcm', 'a.dcm']);
});

it('is not caught in a loop of links', async () => {
  await put('a/1.dcm');
  await symlink(folder, join(folder, 'a', 'up'));
  await symlink(join(folder, 'a'), join(folder, 'again'));
  await symlink(join(folder, 'nowhere'), join(folder, 'dangling'));

  const found = await findDicomFiles([folder]);

  expect(names(found)).toEqual(['a/1.dcm']);
  expect(found.unreadable).toEqual([join(folder, 'dangling')]);
});

it('leaves a DICOMDIR out', async () => {
  await put('a.dcm');
  const directory = Buffer.alloc(512);
  directory.write('DICM', 128);
  directory.write('\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10\0', 132, 'latin1');
  await writeFile(join(folder, 'DICOMDIR'), directory);

  const found = await findDicomFiles([folder]);

  expect([names(found), found.skipped]).toEqual([['a.dcm'], 1]);
});

it('says which argument does not exist', async () => {
  await expect(findDicomFiles([join(folder, 'missing')])).rejects.toThrow(CommandError);
  await expect(findDicomFiles([join(folder, 'missing')])).rejects.toThrow(/missing \(ENOENT\)/);
});

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), object?.bytes ?? '');
  }
}

function names({ files }: Awaited<ReturnType<typeof findDicomFiles>>): readonly string[] {
  return files.map(({ path }) => relative(folder, path));
}
