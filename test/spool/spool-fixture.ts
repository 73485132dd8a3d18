import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { InstanceIdentity } from '../../src/dicom/instance.ts';
import { DirectorySpool } from '../../src/spool/directory-spool.ts';
import type { DirectorySpoolOptions } from '../../src/spool/directory-spool.ts';
import type { ArrivingObject, LeaseLimits, Spool, SpoolEntry } from '../../src/spool/spool.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { aeTitle, uid } from '../support/uid.ts';

export const everything: LeaseLimits = { maxInstances: 10_000, maxBytes: Infinity };

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-spool-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A spool in a folder of its own, closed when the test ends. */
export function newSpool(options: Partial<DirectorySpoolOptions> = {}): DirectorySpool {
  const spool = new DirectorySpool({
    folder: options.folder ?? temporaryFolder(),
    minFreeBytes: 0,
    maxBytes: undefined,
    destination: 'main',
    batchIdleMs: 50,
    now: Date.now,
    log: recordingLogger(),
    ...options,
  });
  onTestFinished(() => spool.close());
  return spool;
}

export function arriving(sopInstanceUid: string, urgent = false): ArrivingObject {
  return {
    sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
    sopInstanceUid: uid(sopInstanceUid),
    transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
    callingAeTitle: aeTitle('CT1'),
    calledAeTitle: aeTitle('DRAWBRIDGE'),
    urgent,
  };
}

export function identityOf(sopInstanceUid: string, study = '1.2.3'): InstanceIdentity {
  return {
    studyInstanceUid: uid(study),
    seriesInstanceUid: uid(`${study}.1`),
    sopInstanceUid: uid(sopInstanceUid),
    sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
  };
}

/** Stores one object, its data set in chunks of the given length. */
export async function store(
  spool: Spool,
  sopInstanceUid: string,
  options: {
    readonly data?: Buffer;
    readonly chunkBytes?: number;
    readonly study?: string;
    readonly urgent?: boolean;
  } = {},
): Promise<SpoolEntry> {
  const { data = Buffer.from('data set'), chunkBytes = 65_536, study, urgent } = options;
  const writer = await spool.receive(arriving(sopInstanceUid, urgent));
  try {
    for (let at = 0; at < data.length; at += chunkBytes) {
      await writer.write([data.subarray(at, at + chunkBytes)]);
    }
    return await writer.commit(identityOf(sopInstanceUid, study));
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** A spool that is open and holds one object, waiting. */
export async function spoolWithOne(
  options: Partial<DirectorySpoolOptions> & { readonly data?: Buffer } = {},
): Promise<{
  readonly spool: DirectorySpool;
  readonly folder: string;
  readonly entry: SpoolEntry;
}> {
  const { data, folder = temporaryFolder(), ...others } = options;
  const spool = newSpool({ ...others, folder });
  await spool.open();
  const entry = await store(spool, '1.2.3.4', data && { data });
  return { spool, folder, entry };
}

/** Leases all there is, at once. */
export function leaseAll(spool: Spool): readonly SpoolEntry[] {
  spool.flush();
  const entries: SpoolEntry[] = [];
  for (let lease = spool.lease(everything); lease; lease = spool.lease(everything)) {
    entries.push(...lease.entries);
  }
  return entries;
}

/** Bytes that follow from a seed, so that another process can know them too. */
export function dataOf(seed: string, bytes: number): Buffer {
  const block = createHash('sha512').update(seed).digest();
  return Buffer.alloc(bytes, block);
}

export async function readAll(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

export function filesIn(
  folder: string,
  name: 'incoming' | 'ready' | 'failed' | 'kept' | 'paused',
): readonly string[] {
  return readdirSync(join(folder, name)).sort();
}
