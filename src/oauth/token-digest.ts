import { hash } from 'node:crypto';

/** What stands for a token where it has to be known again: a digest, which opens no door. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'base64');
}
