import { statSync } from 'node:fs';

/** Whose a folder is; `undefined` when nobody tells. */
export function userIdOf(folder: string): number | undefined {
  try {
    return statSync(folder).uid;
  } catch {
    return undefined;
  }
}
