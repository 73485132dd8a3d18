import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
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

/** What bench/run.ts measures on; /tmp may be memory. */
const diskOfTheBench = path.resolve(process.env['BENCH_DIR'] ?? '.cache');

const traced = 'fdatasync,fsync,rename,renameat,renameat2,write,writev,pwrite64,pwritev,pwritev2';

describe.skipIf(!canTrace())('the system calls behind an acknowledgement', () => {
  let folder: TemporaryFolder;
  let disk: string;
  beforeEach(async () => {
    folder = await temporaryFolder('strace');
    await mkdir(diskOfTheBench, { recursive: true });
    disk = await mkdtemp(path.join(diskOfTheBench, 'durability-'));
  });
  afterEach(async () => {
    await folder.remove();
    await rm(disk, { recursive: true });
  });

  it('SAFE-1 no C-STORE-RSP begins to leave before file, name and folder are on stable storage', async () => {
    const output = path.join(folder.path, 'trace');
    // -D keeps the bridge our own child; -y tells which file a descriptor stands for.
    const strace = ['strace', '-D', '-f', '-y', '-s', '600', '-e', `trace=${traced}`, '-o', output];
    const settings = { UPSTREAM_URL: archiveThatIsAway, DATA_DIR: disk };
    const bridge = await startBridgeProcess(settings, strace);
    const sizes = [2, 50_000, 900_000, 12_000_000];
    const batches = sizes.map((pixelBytes) =>
      Array.from({ length: 5 }, () => newObject({ pixelBytes })),
    );

    const results = await Promise.all(batches.map((batch) => send(bridge, batch)));
    expect(await bridge.terminate()).toEqual({ code: 0, signal: null });
    await bridge.stop();

    expect(results.flat()).toEqual(results.flat().map(() => ({ kind: 'stored', status: 0 })));
    const calls = readSystemCalls(await readFile(output, 'utf8'));
    for (const batch of batches) {
      const sockets = batch.map(({ sopInstanceUid }, index) =>
        // Our own requester numbers its messages from 1.
        expectDurable(calls, sopInstanceUid, index + 1),
      );
      expect(new Set(sockets).size).toBe(1);
    }
  }, 60_000);
});

/** @returns the connection the response left on. */
function expectDurable(
  calls: readonly SystemCall[],
  sopInstanceUid: string,
  messageId: number,
): string {
  const named = calls.filter(({ words }) => namesUid(words, sopInstanceUid));
  // Group 0002, which stands first in the file, names the object, and so does the response.
  const head = only(named, ({ words }) => words.includes('/incoming/'));
  const response = only(named, ({ words }) => /^\d+<(?:socket|TCP)/.test(words));
  const answer = bytesOf(response.words);
  expect(elementOf(answer, messageIdBeingRespondedTo)).toBe(messageId);
  expect(elementOf(answer, status)).toBe(0);
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
  return /^\d+<[^>]+>/.exec(response.words)?.[0] ?? '';
}

/** Elements of a command set, by their number in group 0000. */
const messageIdBeingRespondedTo = 0x0120;
const status = 0x0900;

/** The value of a US element that occurs once (PS3.7 §6.3.1: Implicit VR Little Endian). */
function elementOf(message: Buffer, number: number): number {
  const head = Buffer.from([0, 0, number & 0xff, number >> 8, 2, 0, 0, 0]);
  const at = message.indexOf(head);
  expect(at).toBeGreaterThan(0);
  expect(message.indexOf(head, at + 1)).toBe(-1);
  return message.readUInt16LE(at + head.length);
}

/** What was written, from how strace shows it: C's escapes, octal ones as short as may be. */
function bytesOf(words: string): Buffer {
  const texts = [...words.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text);
  const plain = texts.join('').replace(/\\([0-7]{1,3}|.)/g, (_whole, code: string) => {
    const named = { t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' }[code];
    return named ?? (/^[0-7]/.test(code) ? String.fromCharCode(Number.parseInt(code, 8)) : code);
  });
  return Buffer.from(plain, 'latin1');
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
