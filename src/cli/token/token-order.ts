import type { Uid } from '../../dicom/uid.ts';

/** What a token made here can allow; the rest of the scopes has no behaviour yet. */
export const tokenScopes = ['read', 'write'] as const;

/** What `drawbridge token …` was told to do. */
export type TokenOrder = { readonly json: boolean } & (
  | {
      readonly kind: 'create';
      readonly scopes: readonly (typeof tokenScopes)[number][];
      /** Empty is every study. */
      readonly studies: readonly Uid[];
      readonly tenant: string | undefined;
      readonly subject: string;
      readonly lifetimeMs: number;
    }
  | { readonly kind: 'list' }
  | { readonly kind: 'revoke'; readonly id: string }
);
