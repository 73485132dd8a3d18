import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** What client assertions may be signed with (RFC 7518 §3.1, RFC 8037 §3.1). */
export const assertionAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
export type AssertionAlgorithm = (typeof assertionAlgorithms)[number];

/** A private key with all a client assertion says about it. */
export interface ClientKey {
  readonly key: KeyObject;
  readonly algorithm: AssertionAlgorithm;
  /** Which of the keys the server knows of us. */
  readonly keyId: string | undefined;
  /** SHA-256 of our certificate (RFC 7515 §4.1.8), for servers that know us by that. */
  readonly thumbprint: string | undefined;
}

/** The text holds no key we can use. Its message quotes nothing of it. */
export class ClientKeyError extends Error {
  override readonly name = 'ClientKeyError';
}

/**
 * Reads the key of a client: a private JWK (RFC 7517), or PEM without passphrase. A certificate in the
 * same PEM text gives the thumbprint; a JWK brings its own `kid`, `alg` and `x5t#S256`.
 *
 * @throws {@link ClientKeyError}
 */
export function readClientKey(
  text: string,
  wanted: { readonly keyId?: string; readonly algorithm?: AssertionAlgorithm } = {},
): ClientKey {
  const isJwk = text.trimStart().startsWith('{');
  const jwk = isJwk ? parseJwk(text) : {};
  // A variable of one line holds the line ends of PEM as \\n.
  const pem = text.replaceAll('\\n', '\n');
  const key = isJwk ? fromJwk(jwk) : fromPem(pem);
  const algorithm = wanted.algorithm ?? algorithmNamed(jwk['alg']) ?? usualAlgorithm(key);
  if (algorithm === undefined || !fits(algorithm, key)) {
    throw new ClientKeyError(
      algorithm === undefined
        ? `a key for ${assertionAlgorithms.join(', ')}`
        : `a key for ${algorithm}`,
    );
  }
  return {
    key,
    algorithm,
    keyId: wanted.keyId ?? textOf(jwk['kid']),
    thumbprint: textOf(jwk['x5t#S256']) ?? (isJwk ? undefined : thumbprintOf(pem)),
  };
}

function parseJwk(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    throw new ClientKeyError('a JWK that is JSON');
  }
}

function fromJwk(jwk: Readonly<Record<string, unknown>>): KeyObject {
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    throw new ClientKeyError('a private JWK: one key, not a set, with its private part');
  }
}

function fromPem(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new ClientKeyError('a private JWK, or a private key in PEM without passphrase');
  }
}

function algorithmNamed(name: unknown): AssertionAlgorithm | undefined {
  return assertionAlgorithms.find((algorithm) => algorithm === name);
}

function usualAlgorithm(key: KeyObject): AssertionAlgorithm | undefined {
  return assertionAlgorithms.find((algorithm) => fits(algorithm, key));
}

function fits(algorithm: AssertionAlgorithm, key: KeyObject): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  // RFC 7518 §3.3: no shorter key, and servers refuse them.
  const isLongRsa = (details?.modulusLength ?? 0) >= 2048;
  switch (algorithm) {
    case 'RS256':
      return type === 'rsa' && isLongRsa;
    case 'PS256':
      return (type === 'rsa' || type === 'rsa-pss') && isLongRsa;
    case 'ES256':
      return type === 'ec' && details?.namedCurve === 'prime256v1';
    case 'ES384':
      return type === 'ec' && details?.namedCurve === 'secp384r1';
    case 'EdDSA':
      return type === 'ed25519';
  }
}

function thumbprintOf(pem: string): string | undefined {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  try {
    const { fingerprint256 } = new X509Certificate(pem);
    return Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
  } catch {
    throw new ClientKeyError('a certificate that can be read beside the key');
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
