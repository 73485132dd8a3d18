import type { ClientKey } from './client-key.ts';

/** How a client proves to be who it says. */
export type ClientProof =
  /** `basic`: in the Authorization header; `post`: as form fields (RFC 6749 §2.3.1). */
  | { readonly clientAuth: 'basic' | 'post'; readonly clientSecret: string }
  /** By a signature (RFC 7523 §2.2). */
  | {
      readonly clientAuth: 'private_key_jwt';
      readonly clientKey: ClientKey;
      /** What servers want to read there differs; the token end point unless said otherwise. */
      readonly assertionAudience?: string;
    }
  /** By the certificate the connection was made with (RFC 8705 §2). */
  | { readonly clientAuth: 'tls_client_auth' };
