import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { BridgeProcess } from '../../support/bridge-process.ts';

type Folder = 'incoming' | 'ready' | 'failed';

/** File names in one folder of the bridge's spool. */
export function spoolFolder(bridge: BridgeProcess, folder: Folder): Promise<string[]> {
  return readdir(path.join(bridge.dataDir, 'spool', folder));
}

/** What is left in the spool of a bridge whose every object has arrived. */
export const nothing = { incoming: [], ready: [], failed: [] };

export async function spoolContents(bridge: BridgeProcess): Promise<Record<Folder, string[]>> {
  const [incoming, ready, failed] = await Promise.all([
    spoolFolder(bridge, 'incoming'),
    spoolFolder(bridge, 'ready'),
    spoolFolder(bridge, 'failed'),
  ]);
  return { incoming, ready, failed };
}

/** Waits until nothing is on its way through the spool. What was set aside is the caller's to judge. */
export async function untilDelivered(bridge: BridgeProcess, timeoutMs = 30_000): Promise<void> {
  const onItsWay = async (): Promise<number> => {
    const { incoming, ready } = await spoolContents(bridge);
    return incoming.length + ready.length;
  };
  await expect.poll(onItsWay, { timeout: timeoutMs, interval: 25 }).toBe(0);
}

/** An object in `failed/`. */
export interface SetAsideObject {
  readonly sopInstanceUid: string;
  readonly reason: Readonly<Record<string, unknown>>;
  readonly part10: Buffer;
}

export async function setAsideObjects(bridge: BridgeProcess): Promise<SetAsideObject[]> {
  const folder = path.join(bridge.dataDir, 'spool', 'failed');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.dcm'));
  return Promise.all(
    names.map(async (name) => {
      const part10 = await readFile(path.join(folder, name));
      const reason = await readFile(path.join(folder, name.replace(/\.dcm$/, '.json')), 'utf8');
      return {
        sopInstanceUid: decodeFileHeader(part10)?.sopInstanceUid ?? '',
        reason: JSON.parse(reason) as Record<string, unknown>,
        part10,
      };
    }),
  );
}
