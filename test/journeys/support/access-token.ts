import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import type { BridgeProcess } from '../../support/bridge-process.ts';

const main = resolve('dist/main.js');

/** Types `drawbridge token create` beside a bridge and takes what it prints. */
export async function createToken(
  { dataDir }: Pick<BridgeProcess, 'dataDir'>,
  ...words: readonly string[]
): Promise<string> {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('DRAWBRIDGE_'));
  const env = { ...Object.fromEntries(others), DRAWBRIDGE_DATA_DIR: dataDir };
  const command = [main, 'token', 'create', ...words];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  return stdout.trim();
}
