/** Why a token is not accepted; also the words the metrics count by. */
export const tokenRefusals = [
  'missing',
  'malformed',
  'algorithm',
  'type',
  'unknown_key',
  'signature',
  'issuer',
  'audience',
  'expired',
  'not_yet_valid',
  'id_token',
  'sender_constrained',
  'claims',
  'revoked',
  'inactive',
  'insufficient_scope',
  'unavailable',
] as const;
export type TokenRefusal = (typeof tokenRefusals)[number];
