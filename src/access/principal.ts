import type { Uid } from '../dicom/uid.ts';

/** What a caller may do at all. None of them contains another. */
export type Scope = 'read' | 'write' | 'admin';

export const everyScope: readonly Scope[] = ['read', 'write', 'admin'];

/** Who calls, as a verified token says. */
export interface Principal {
  /** Unique at its issuer. */
  readonly subject: string;
  readonly issuer: string;
  /** For logs: printable ASCII, at most 64 characters. */
  readonly displayName: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly tenant: string | undefined;
  /** The studies the token is limited to, by Study Instance UID; `undefined` is every study. */
  readonly studies: ReadonlySet<Uid> | undefined;
  readonly tokenId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}
