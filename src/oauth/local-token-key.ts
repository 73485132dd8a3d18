import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { randomUUID } from 'node:crypto';
import { link, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BridgeError } from '../errors/bridge-error.ts';
import { parseObject } from './bounded-text.ts';

/** The key tokens of this bridge are signed with. */
export interface LocalKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly keyId: string;
}

export const localAlgorithm = 'EdDSA';
const fileName = 'signing-key.json';

/**
 * Reads the key, and makes one at the first use.
 *
 * The file comes to be whole or not at all, and once: of two processes that make one at the same
 * moment both go on with the first.
 *
 * @param folder - exists, and is the owner's alone.
 * @throws BridgeError `configuration_invalid` when the file is no key, or anybody may read it.
 */
export async function openLocalKey(folder: string): Promise<LocalKey> {
  const path = join(folder, fileName);
  const text = (await readIfThere(path)) ?? (await create(folder, path));
  const { mode } = await stat(path);
  // The group may well be the one a container platform gives its volumes to.
  if ((mode & 0o007) !== 0) throw unusable('can be read by anybody: make it 0600, or remove it');
  const jwk = parseObject(text) as JWK | undefined;
  try {
    return await importKey(jwk ?? {});
  } catch (cause) {
    throw unusable('is no key: remove it, and every token made so far ends', cause);
  }
}

async function importKey(jwk: JWK): Promise<LocalKey> {
  const { kty, crv, x, d } = jwk;
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined || d === undefined) {
    throw new TypeError('not an Ed25519 private key');
  }
  const publicJwk: JWK = { kty, crv, x };
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ ...publicJwk, d }, localAlgorithm),
    importJWK(publicJwk, localAlgorithm),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) {
    throw new TypeError('not an asymmetric key');
  }
  return { privateKey, publicKey, keyId: await calculateJwkThumbprint(publicJwk) };
}

async function create(folder: string, path: string): Promise<string> {
  const { privateKey } = await generateKeyPair(localAlgorithm, {
    crv: 'Ed25519',
    extractable: true,
  });
  const draft = join(folder, `.${randomUUID()}`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(await exportJWK(privateKey))}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    // Unlike a rename, a link never replaces the key somebody else has made meanwhile.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(path, 'utf8');
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function unusable(what: string, cause?: unknown): BridgeError {
  return new BridgeError(
    'configuration_invalid',
    `tokens/${fileName} in DRAWBRIDGE_DATA_DIR ${what}`,
    { transient: false, cause },
  );
}
