import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ClientKeyError, readClientKey } from '../../src/oauth/client-key.ts';
import { createAuthority } from '../support/certificates.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
const p521 = generateKeyPairSync('ec', { namedCurve: 'secp521r1' }).privateKey;
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const x25519 = generateKeyPairSync('x25519').privateKey;
const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;

const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const jwk = (key: KeyObject, more: object = {}): string =>
  JSON.stringify({ ...key.export({ format: 'jwk' }), ...more });

describe('a client key', () => {
  it.each([
    ['RSA', rsa, 'RS256'],
    ['P-256', p256, 'ES256'],
    ['P-384', p384, 'ES384'],
    ['Ed25519', ed25519, 'EdDSA'],
  ] as const)(
    'of %s signs with what is usual for it, from PEM and JWK',
    (_kind, key, algorithm) => {
      for (const text of [pkcs8(key), jwk(key), pkcs8(key).replaceAll('\n', '\\n')]) {
        expect(readClientKey(text)).toMatchObject({ algorithm, keyId: undefined });
      }
    },
  );

  it('is read from the older PEM kinds', () => {
    const pkcs1 = rsa.export({ type: 'pkcs1', format: 'pem' }).toString();
    const sec1 = p256.export({ type: 'sec1', format: 'pem' }).toString();

    expect([pkcs1, sec1].map((text) => readClientKey(text).algorithm)).toEqual(['RS256', 'ES256']);
  });

  it('goes by what its JWK says, and by what was asked for before that', () => {
    const text = jwk(rsa, { kid: 'one', alg: 'PS256', 'x5t#S256': 'abc' });

    expect(readClientKey(text)).toMatchObject({
      algorithm: 'PS256',
      keyId: 'one',
      thumbprint: 'abc',
    });
    expect(readClientKey(text, { algorithm: 'RS256', keyId: 'two' })).toMatchObject({
      algorithm: 'RS256',
      keyId: 'two',
    });
  });

  it('is known by the certificate beside it', async () => {
    const authority = await createAuthority();
    onTestFinished(() => authority.remove());
    const { cert, key } = await authority.issue();

    const { thumbprint } = readClientKey(`${key}\n${cert}`);

    expect(Buffer.from(thumbprint ?? '', 'base64url').toString('hex')).toBe(
      new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase(),
    );
  });

  it.each([
    ['a public JWK', jwk(rsa).replace(/"d":"[^"]*"/, '"d2":"x"')],
    ['a key set', JSON.stringify({ keys: [p256.export({ format: 'jwk' })] })],
    ['cut JSON', jwk(p256).slice(0, -20)],
    ['a short RSA key', pkcs8(short)],
    ['a curve nobody asked for', pkcs8(p521)],
    ['a key that cannot sign', pkcs8(x25519)],
    ['no key at all', '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----'],
    [
      'a key behind a passphrase',
      p256
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'hush' })
        .toString(),
    ],
  ])('is none: %s', (_what, text) => {
    expect(() => readClientKey(text)).toThrow(ClientKeyError);
    expect(() => readClientKey(text)).not.toThrow(/hush/);
  });

  it('signs with nothing it does not fit', () => {
    expect(() => readClientKey(pkcs8(p256), { algorithm: 'RS256' })).toThrow('a key for RS256');
  });
});
