import { createInflateRaw } from 'node:zlib';
import type { InflateRaw } from 'node:zlib';
import { DataSetWalker } from '../dicom/data-set-walker.ts';
import { inspectedTags, readInspected, refuseMismatch } from '../dicom/object-inspector.ts';
import type {
  ExpectedObject,
  InspectedObject,
  ObjectInspector,
} from '../dicom/object-inspector.ts';
import { ObjectUnreadableError } from '../errors/object-errors.ts';

/** As much of a deflated data set as is ever inflated: the identifiers lie far before. */
const maximumInflatedBytes = 1024 * 1024;

/**
 * An inspector for Deflated Explicit VR Little Endian (PS3.5 §A.5): inflates the head only, so that
 * a bomb costs one megabyte at most. What follows the head goes by unread.
 */
export function inspectDeflatedDataSet(expected: ExpectedObject): ObjectInspector {
  const walker = new DataSetWalker({ explicitVr: true, bigEndian: false }, inspectedTags);
  const inflater = createInflateRaw({ chunkSize: 64 * 1024 });
  let inflatedBytes = 0;
  let failure: Error | undefined;
  let state: 'head' | 'ended' | 'capped' = 'head';

  inflater.on('data', (chunk: Buffer) => {
    if (state !== 'head' || failure !== undefined) return;
    inflatedBytes += chunk.length;
    try {
      walker.push(chunk);
    } catch (error) {
      failure = error as Error;
    }
    if (inflatedBytes >= maximumInflatedBytes) {
      state = 'capped';
      inflater.destroy();
    }
  });
  inflater.on('end', () => {
    if (state === 'head') state = 'ended';
  });
  inflater.on('error', () => {
    failure ??= new ObjectUnreadableError('deflated data set cannot be inflated');
  });

  return {
    async push(chunk) {
      if (state !== 'head') return;
      await written(inflater, chunk);
      if (failure !== undefined) throw failure;
      refuseMismatch(walker, expected);
    },
    async finish(): Promise<InspectedObject> {
      if (state === 'head') await ended(inflater);
      inflater.destroy();
      if (failure !== undefined) throw failure;
      if (state !== 'capped') walker.end();
      return readInspected(walker, expected);
    },
  };
}

/** Resolves when the inflater has taken the chunk, or is gone. */
async function written(inflater: InflateRaw, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    if (inflater.destroyed) {
      resolve();
      return;
    }
    inflater.once('close', resolve);
    // The chunk goes back to its reader when this resolves, so the callback has to be awaited.
    inflater.write(chunk, () => {
      inflater.off('close', resolve);
      resolve();
    });
  });
}

async function ended(inflater: InflateRaw): Promise<void> {
  await new Promise<void>((resolve) => {
    if (inflater.destroyed || inflater.readableEnded) {
      resolve();
      return;
    }
    inflater.once('end', resolve).once('close', resolve);
    inflater.end();
  });
}
