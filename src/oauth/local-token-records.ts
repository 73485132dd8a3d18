import { mkdir, open, readFile, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from '../access/principal.ts';
import { parseObject } from './bounded-text.ts';

/** What is known of a token that was made: everything but the token. */
export interface LocalTokenRecord {
  /** Its `jti`: a UUID. */
  readonly id: string;
  readonly subject: string;
  readonly scopes: readonly Scope[];
  readonly studies?: readonly string[] | undefined;
  readonly tenant?: string | undefined;
  /** Milliseconds since the epoch, as the next. */
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** A token that was made, and whether it is still good for anything. */
export interface ListedToken extends LocalTokenRecord {
  readonly state: 'valid' | 'expired' | 'revoked';
}

interface LocalTokenRecordsOptions {
  readonly folder: string;
  /** So long a look at the revocations holds; 1 s unless said otherwise. */
  readonly recheckMs?: number;
  readonly now: () => number;
}

interface Revocations {
  readonly ids: ReadonlySet<string>;
  readonly readAt: number;
}

const neverRead: Revocations = { ids: new Set(), readAt: -Infinity };
const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const extension = '.json';

/**
 * One small file a token under `made/`, one empty file a revoked token under `revoked/`: an order of
 * the operator is there or not there, and a running bridge sees it within a second without being told.
 */
export class LocalTokenRecords {
  readonly #made: string;
  readonly #revoked: string;
  readonly #options: LocalTokenRecordsOptions;
  #revocations: Revocations = neverRead;

  constructor(options: LocalTokenRecordsOptions) {
    this.#options = options;
    this.#made = join(options.folder, 'made');
    this.#revoked = join(options.folder, 'revoked');
  }

  /** Makes the folders; once before anything else. */
  async open(): Promise<void> {
    for (const folder of [this.#made, this.#revoked]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
  }

  /** Keeps the record durably, and clears those of tokens that ended long ago. */
  async add(record: LocalTokenRecord): Promise<void> {
    await this.#forgetOld();
    const path = this.#recordPath(record.id);
    await writeDurably(`${path}.new`, `${JSON.stringify(record)}\n`);
    await rename(`${path}.new`, path);
    await syncFolder(this.#made);
  }

  /** Newest first. */
  async list(): Promise<readonly ListedToken[]> {
    const now = this.#options.now();
    const revoked = new Set(await readdir(this.#revoked));
    const records = await this.#records();
    return records
      .map((record) => ({ ...record, state: stateOf(record, revoked, now) }))
      .toSorted((left, right) => right.createdAt - left.createdAt);
  }

  /** Ends a token for good. @returns false when no such token was made here. */
  async revoke(id: string): Promise<boolean> {
    if (!idPattern.test(id) || !(await this.#records()).some((record) => record.id === id)) {
      return false;
    }
    await writeDurably(join(this.#revoked, id), '');
    await syncFolder(this.#revoked);
    this.#revocations = neverRead;
    return true;
  }

  /** @throws when the revocations cannot be read: then nobody knows. */
  async isRevoked(id: string): Promise<boolean> {
    const { recheckMs = 1_000, now } = this.#options;
    const askedAt = now();
    if (askedAt - this.#revocations.readAt >= recheckMs) {
      // Not by the folder's time of change, which two revocations in one tick share.
      const ids = new Set(await readdir(this.#revoked));
      this.#revocations = { ids, readAt: askedAt };
    }
    return this.#revocations.ids.has(id);
  }

  async #records(): Promise<readonly LocalTokenRecord[]> {
    const names = (await readdir(this.#made)).filter((name) => name.endsWith(extension));
    const records = names.map(async (name) => {
      const text = await readFile(join(this.#made, name), 'utf8');
      return parseObject(text) as LocalTokenRecord | undefined;
    });
    return (await Promise.all(records)).filter((record) => record !== undefined);
  }

  async #forgetOld(): Promise<void> {
    const endedBefore = this.#options.now() - keptAfterEndMs;
    for (const { id, expiresAt } of await this.#records()) {
      if (expiresAt >= endedBefore) continue;
      await unlink(this.#recordPath(id));
      await unlink(join(this.#revoked, id)).catch(() => undefined);
    }
  }

  #recordPath(id: string): string {
    if (!idPattern.test(id)) throw new TypeError('not the id of a token');
    return join(this.#made, `${id}${extension}`);
  }
}

/** So long somebody may still wonder what has become of a token. */
const keptAfterEndMs = 30 * 24 * 60 * 60 * 1000;

function stateOf(
  { id, expiresAt }: LocalTokenRecord,
  revoked: ReadonlySet<string>,
  now: number,
): ListedToken['state'] {
  if (revoked.has(id)) return 'revoked';
  return now >= expiresAt ? 'expired' : 'valid';
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
