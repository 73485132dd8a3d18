import { SignJWT, generateKeyPair } from 'jose';
import type { CryptoKey } from 'jose';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { SeenSignatures } from '../../src/oauth/seen-signatures.ts';
import { JwtVerifier } from '../../src/oauth/token-verifier.ts';

const issuer = 'https://issuer.test';
const audience = 'https://bridge.test/dicom-web';
const expiresAtSeconds = 1_800_000_000;

let pair: { readonly publicKey: CryptoKey; readonly privateKey: CryptoKey };
let other: typeof pair;
let token: string;
let known: readonly CryptoKey[];
let nowMs: number;

beforeAll(async () => {
  pair = await generateKeyPair('EdDSA');
  other = await generateKeyPair('EdDSA');
  token = await new SignJWT({ scope: 'read' })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject('viewer')
    .setExpirationTime(expiresAtSeconds)
    .sign(pair.privateKey);
});
afterEach(() => vi.restoreAllMocks());

function createVerifier(): JwtVerifier {
  known = [pair.publicKey];
  nowMs = (expiresAtSeconds - 60) * 1000;
  return new JwtVerifier({
    rules: {
      ...{ issuer, audiences: [audience], clockToleranceMs: 0 },
      scopeNames: { read: 'read', write: 'write', admin: 'admin' },
      ...{ scopeClaims: ['scope'], tenantClaim: 'tenant' },
    },
    algorithms: ['EdDSA'],
    keys: { find: () => Promise.resolve(known) },
    now: () => nowMs,
  });
}

it('verifies the signature of a token once', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify');
  const verifier = createVerifier();

  for (let time = 0; time < 3; time += 1) {
    expect(await verifier.verify(token)).toMatchObject({ ok: true });
  }

  expect(verify).toHaveBeenCalledTimes(1);
});

it('D07 refuses a token that has expired since', async () => {
  const verifier = createVerifier();
  await verifier.verify(token);
  nowMs += 120_000;

  expect(await verifier.verify(token)).toMatchObject({ ok: false, reason: 'expired' });
});

it('D10 refuses a token whose key is no longer there', async () => {
  const verifier = createVerifier();
  await verifier.verify(token);

  known = [other.publicKey];
  expect(await verifier.verify(token)).toMatchObject({ ok: false, reason: 'signature' });
  known = [];
  expect(await verifier.verify(token)).toMatchObject({ ok: false, reason: 'unknown_key' });
});

it('remembers no signature that is not right, and no other token', async () => {
  const verifier = createVerifier();
  await verifier.verify(token);
  const forged = `${token.slice(0, token.lastIndexOf('.'))}.${'A'.repeat(86)}`;

  for (let time = 0; time < 2; time += 1) {
    expect(await verifier.verify(forged)).toMatchObject({ ok: false, reason: 'signature' });
  }
});

it('forgets the oldest of too many', () => {
  const seen = new SeenSignatures();
  for (let number = 0; number <= 1_000; number += 1) seen.add(pair.publicKey, `token ${number}`);

  expect(seen.has(pair.publicKey, 'token 0')).toBe(false);
  expect(seen.has(pair.publicKey, 'token 1')).toBe(true);
  expect(seen.has(pair.publicKey, 'token 1000')).toBe(true);
  expect(seen.has(other.publicKey, 'token 1000')).toBe(false);
});
