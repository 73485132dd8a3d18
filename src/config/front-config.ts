import { resolve } from 'node:path';
import type { Network } from '../access/networks.ts';
import type { httpVariables } from './variables/http-variables.ts';
import type { ValueOf } from './variable.ts';

/** The values of the variables of the HTTP front. */
export type FrontValues = {
  readonly [Name in keyof typeof httpVariables]: ValueOf<(typeof httpVariables)[Name]>;
};

/** The HTTP front. Every path of a file is absolute. */
export interface FrontConfig {
  readonly host: string;
  readonly port: number | 'off';
  /** PEM files; `undefined`: HTTP without TLS. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  /** Scheme, host and port as clients see them; `undefined`: as it listens. */
  readonly publicUrl: string | undefined;
  readonly trustedProxies: readonly Network[];
  /** Who may connect without TLS, beside this machine; `undefined` is anybody. */
  readonly plaintextFrom: readonly Network[] | undefined;
  readonly corsOrigins: readonly string[];
  readonly maxBodyBytes: number;
  /** With a slash before it and none behind. */
  readonly dicomwebRoot: string;
  readonly viewer: { readonly folder: string; readonly clientId: string | undefined } | undefined;
}

/** Puts checked values together. */
export function assembleFront(values: FrontValues): FrontConfig {
  const { HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key, VIEWER_DIR: viewer } = values;
  const trustedProxies = values.HTTP_TRUSTED_PROXIES ?? [];
  return {
    host: values.HTTP_HOST,
    port: values.HTTP_PORT,
    tls:
      cert !== undefined && key !== undefined
        ? { certFile: resolve(cert), keyFile: resolve(key) }
        : undefined,
    publicUrl: values.HTTP_PUBLIC_URL,
    trustedProxies,
    plaintextFrom: values.HTTP_ALLOW_PLAINTEXT ? undefined : trustedProxies,
    corsOrigins: values.HTTP_CORS_ORIGINS ?? [],
    maxBodyBytes: values.HTTP_MAX_BODY,
    dicomwebRoot: values.DICOMWEB_ROOT,
    viewer:
      viewer === undefined
        ? undefined
        : { folder: resolve(viewer), clientId: values.VIEWER_CLIENT_ID },
  };
}
