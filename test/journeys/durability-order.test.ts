import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { send } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import { readSystemCalls } from './support/system-calls.ts';
import type { SystemCall } from './support/system-calls.ts';

/** Nobody listens there: what is received stays in `ready/` and nothing else touches the spool. */
const archiveThatIsAway = 'http://127.0.0.1:1/dicom-web';

const traced = 'fdatasync,fsync,rename,renameat,renameat2,write,writev,pwrite64,pwritev,pwritev2';

describe.skipIf(!canTrace())('the system calls behind an acknowledgement', () => {
  let folder: TemporaryFolder;
  beforeEach(async () => {
    folder = await temporaryFolder('strace');
  });
  afterEach(() => folder.remove());

  it('SAFE-1 no C-STORE-RSP begins to leave before file, name and folder are on stable storage', async () => {
    const output = path.join(folder.path, 'trace');
    // -D keeps the bridge our own child; -y tells which file a descriptor stands for.
    const strace = ['strace', '-D', '-f', '-y', '-s', '600', '-e', `trace=${traced}`, '-o', output];
    const bridge = await startBridgeProcess({ UPSTREAM_URL: archiveThatIsAway }, strace);
    const sizes = [2, 50_000, 900_000, 3_000_000];
    const batches = sizes.map((pixelBytes) =>
      Array.from({ length: 5 }, () => newObject({ pixelBytes })),
    );

    const results = await Promise.all(batches.map((batch) => send(bridge, batch)));
    expect(await bridge.terminate()).toEqual({ code: 0, signal: null });
    await bridge.stop();

    expect(results.flat()).toEqual(results.flat().map(() => ({ kind: 'stored', status: 0 })));
    const calls = readSystemCalls(await readFile(output, 'utf8'));
    for (const { sopInstanceUid } of batches.flat()) expectDurable(calls, sopInstanceUid);
  }, 60_000);
});

function expectDurable(calls: readonly SystemCall[], sopInstanceUid: string): void {
  const named = calls.filter(({ words }) => namesUid(words, sopInstanceUid));
  // Group 0002, which stands first in the file, names the object, and so does the response.
  const head = only(named, ({ words }) => words.includes('/incoming/'));
  const response = only(named, ({ words }) => /^\d+<(?:socket|TCP)/.test(words));
  const file = /\/incoming\/([0-9a-f]+\.part)/.exec(head.words)?.[1] ?? '';
  const ofFile = calls.filter(({ words }) => words.includes(`/incoming/${file}`));
  const writes = ofFile.filter(({ name }) => name.includes('write'));
  const sync = only(ofFile, ({ name }) => name === 'fdatasync');
  const rename = only(ofFile, ({ name }) => name.startsWith('rename'));

  for (const write of writes) expect(write.ended).toBeLessThan(sync.began);
  expect(sync.result).toBe(0);
  expect(rename.result).toBe(0);
  expect(sync.ended).toBeLessThan(rename.began);
  // One fsync of the folder may serve several renames, but has to begin after each of them.
  const folderSyncs = calls.filter(
    ({ name, words, result, began, ended }) =>
      /^f(?:data)?sync$/.test(name) &&
      words.includes('/ready>') &&
      result === 0 &&
      began > rename.ended &&
      ended < response.began,
  );
  expect(folderSyncs.length).toBeGreaterThan(0);
}

/** A UID that is the beginning of another one does not count. */
function namesUid(words: string, sopInstanceUid: string): boolean {
  return new RegExp(`${sopInstanceUid.replaceAll('.', '\\.')}(?![0-9.])`).test(words);
}

function only(calls: readonly SystemCall[], matches: (call: SystemCall) => boolean): SystemCall {
  const found = calls.filter(matches);
  const [call] = found;
  expect(found).toHaveLength(1);
  if (call === undefined) throw new Error('no such call in the trace');
  return call;
}

/** Containers may forbid it. */
function canTrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}
