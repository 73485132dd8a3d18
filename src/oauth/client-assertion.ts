import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { ClientKey } from './client-key.ts';

/** RFC 7523 §2.2. */
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Long enough for a slow line and clocks a little apart; servers refuse long ones. */
const lifetimeSeconds = 60;

/**
 * Makes the JWT by which a client proves that it holds its key (RFC 7523 §3, OpenID Connect Core §9).
 * It is good for one request: servers remember its `jti`.
 *
 * @param audience - the token end point or the issuer, as the server wants it.
 */
export function createClientAssertion(
  clientKey: ClientKey,
  {
    clientId,
    audience,
    nowMs,
  }: { readonly clientId: string; readonly audience: string; readonly nowMs: number },
): Promise<string> {
  const { key, algorithm, keyId, thumbprint } = clientKey;
  const nowSeconds = Math.floor(nowMs / 1000);
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({
      alg: algorithm,
      typ: 'JWT',
      ...(keyId !== undefined && { kid: keyId }),
      ...(thumbprint !== undefined && { 'x5t#S256': thumbprint }),
    })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + lifetimeSeconds)
    .sign(key);
}
