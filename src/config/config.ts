import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Network } from '../access/networks.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { assembleAccess } from './access-config.ts';
import type { AccessConfig } from './access-config.ts';
import { assembleFront } from './front-config.ts';
import type { FrontConfig } from './front-config.ts';
import type { ProxyConfig } from './proxy.ts';
import type { UploadRate } from './upload-rate.ts';
import type { Values } from './variables/variables.ts';

/** How the bridge proves itself to the archive. */
export type ArchiveAuth =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | (OAuthClientConfig & {
      readonly kind: 'client_credentials';
      readonly clientSecret: string;
      readonly clientAuth: 'basic' | 'post';
    })
  | (OAuthClientConfig & {
      readonly kind: 'private_key_jwt';
      /** JWK or PEM. */
      readonly clientKey: string;
      readonly keyId: string | undefined;
      readonly algorithm: Values['UPSTREAM_CLIENT_ASSERTION_ALG'];
      readonly assertionAudience: 'token_endpoint' | 'issuer';
    })
  | (OAuthClientConfig & { readonly kind: 'tls_client_auth' });

/** One of token URL and issuer is there; the token URL comes first. */
interface OAuthClientConfig {
  readonly tokenUrl: string | undefined;
  readonly issuer: string | undefined;
  readonly clientId: string;
  readonly scope: string | undefined;
  readonly audience: string | undefined;
  readonly resource: string | undefined;
}

/** An archive that is reached by HTTP. */
export interface DicomwebArchiveConfig {
  readonly kind: 'dicomweb';
  /** Without trailing slash. */
  readonly url: string;
  readonly auth: ArchiveAuth;
  /** Paths of PEM files. */
  readonly tls: {
    readonly caFile: string | undefined;
    readonly certFile: string | undefined;
    readonly keyFile: string | undefined;
  };
  /** `undefined`: connections go straight. */
  readonly proxies: ProxyConfig | undefined;
  readonly connections: number;
  readonly timeoutMs: number;
  /** Whose peculiarities are reckoned with. */
  readonly quirks: 'orthanc' | 'none';
  /** Below `url`, without slashes around; `undefined` is `url` itself. */
  readonly qidoPath: string | undefined;
  readonly wadoPath: string | undefined;
  readonly stowPath: string | undefined;
}

/** The archive of this process, for trying out and for tests. */
export interface EmbeddedArchiveConfig {
  readonly kind: 'embedded';
  readonly folder: string;
}

/** The effective configuration: complete, checked, frozen. Every path is absolute. */
export interface Config {
  readonly dimse: {
    readonly aeTitle: AeTitle;
    /** Every title this bridge answers to, the one above first. */
    readonly aeTitles: readonly AeTitle[];
    readonly host: string;
    readonly port: number | 'off';
    readonly allowedNetworks: readonly Network[];
    readonly requireCalledAeTitle: boolean;
    readonly maxAssociations: number;
    readonly maxAssociationsPerPeer: number;
    readonly maxPduBytes: number;
    readonly artimTimeoutMs: number;
    readonly idleTimeoutMs: number;
    readonly maxObjectBytes: number;
  };
  readonly archive: DicomwebArchiveConfig | EmbeddedArchiveConfig;
  readonly spool: {
    readonly folder: string;
    readonly minFreeBytes: number;
    readonly maxBytes: number | undefined;
    /** How long delivered objects stay; 0 for not at all. */
    readonly keepMs: number;
  };
  readonly delivery: {
    /** How long a C-STORE waits for the archive; `undefined`: the spool's word is enough. */
    readonly archiveAckTimeoutMs: number | undefined;
    /** Values of Modality (0008,0060). */
    readonly urgentModalities: readonly string[];
    readonly batchInstances: number;
    readonly batchBytes: number;
    readonly concurrency: number;
    readonly uploadRate: UploadRate;
    readonly duplicates: 'accept' | 'verify' | 'fail';
    readonly retryMinMs: number;
    readonly retryMaxMs: number;
  };
  readonly http: FrontConfig;
  /** Who may call it. */
  readonly access: AccessConfig;
  readonly operations: { readonly host: string; readonly port: number | 'off' };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    /** `undefined`: as the output is. */
    readonly format: 'json' | 'pretty' | undefined;
  };
  /** Whether credentials may go where others can listen. */
  readonly allowPlaintext: boolean;
  readonly dataDir: string;
  readonly shutdownGraceMs: number;
}

/** Puts values that agree with one another where the builders look for them. */
export function assembleConfig(values: Values, proxies: ProxyConfig | undefined): Config {
  const dataDir = resolve(values.DATA_DIR);
  return {
    dimse: {
      aeTitle: values.DIMSE_AE_TITLE,
      aeTitles: [...new Set([values.DIMSE_AE_TITLE, ...(values.DIMSE_AE_TITLES ?? [])])],
      host: values.DIMSE_HOST,
      port: values.DIMSE_PORT,
      allowedNetworks: values.DIMSE_ALLOWED_NETWORKS,
      requireCalledAeTitle: values.DIMSE_REQUIRE_CALLED_AE,
      maxAssociations: values.DIMSE_MAX_ASSOCIATIONS,
      maxAssociationsPerPeer: values.DIMSE_MAX_ASSOCIATIONS_PER_PEER,
      maxPduBytes: values.DIMSE_MAX_PDU,
      artimTimeoutMs: values.DIMSE_ARTIM_TIMEOUT,
      idleTimeoutMs: values.DIMSE_IDLE_TIMEOUT,
      maxObjectBytes: values.DIMSE_MAX_OBJECT_SIZE,
    },
    archive: assembleArchive(values, dataDir, proxies),
    spool: {
      folder: resolve(values.SPOOL_DIR ?? resolve(dataDir, 'spool')),
      minFreeBytes: values.SPOOL_MIN_FREE,
      maxBytes: values.SPOOL_MAX_BYTES,
      keepMs: values.SPOOL_KEEP,
    },
    delivery: {
      archiveAckTimeoutMs: values.STORE_ACK === 'archived' ? values.ARCHIVE_ACK_TIMEOUT : undefined,
      urgentModalities: values.URGENT_MODALITIES ?? [],
      batchInstances: values.STOW_BATCH_INSTANCES,
      batchBytes: values.STOW_BATCH_BYTES,
      concurrency: values.STOW_CONCURRENCY,
      uploadRate: values.UPLOAD_RATE,
      duplicates: values.DUPLICATES,
      retryMinMs: values.RETRY_MIN,
      retryMaxMs: values.RETRY_MAX,
    },
    http: assembleFront(values),
    access: assembleAccess(values),
    operations: { host: values.OPS_HOST, port: values.OPS_PORT },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    allowPlaintext: values.HTTP_ALLOW_PLAINTEXT,
    dataDir,
    shutdownGraceMs: values.SHUTDOWN_GRACE,
  };
}

function assembleArchive(
  values: Values,
  dataDir: string,
  proxies: ProxyConfig | undefined,
): Config['archive'] {
  const url = values.UPSTREAM_URL;
  if (url === undefined) return { kind: 'embedded', folder: resolve(dataDir, 'archive') };
  if (url.startsWith('file:')) return { kind: 'embedded', folder: fileURLToPath(url) };
  return {
    kind: 'dicomweb',
    url,
    auth: assembleAuth(values),
    tls: {
      caFile: absolute(values.UPSTREAM_TLS_CA),
      certFile: absolute(values.UPSTREAM_TLS_CERT),
      keyFile: absolute(values.UPSTREAM_TLS_KEY),
    },
    proxies,
    connections: values.UPSTREAM_CONNECTIONS,
    timeoutMs: values.UPSTREAM_TIMEOUT,
    quirks: values.UPSTREAM_QUIRKS,
    qidoPath: values.UPSTREAM_QIDO_PATH,
    wadoPath: values.UPSTREAM_WADO_PATH,
    stowPath: values.UPSTREAM_STOW_PATH,
  };
}

/** The contradictions have been refused before, so what a kind needs is there. */
function assembleAuth(values: Values): ArchiveAuth {
  switch (values.UPSTREAM_AUTH) {
    case 'none':
      return { kind: 'none' };
    case 'basic':
      return {
        kind: 'basic',
        username: values.UPSTREAM_USERNAME ?? '',
        password: values.UPSTREAM_PASSWORD ?? '',
      };
    case 'bearer':
      return { kind: 'bearer', token: values.UPSTREAM_BEARER_TOKEN ?? '' };
    case 'client_credentials':
      return {
        kind: 'client_credentials',
        ...assembleOAuthClient(values),
        clientSecret: values.UPSTREAM_CLIENT_SECRET ?? '',
        clientAuth: values.UPSTREAM_CLIENT_AUTH,
      };
    case 'private_key_jwt':
      return {
        kind: 'private_key_jwt',
        ...assembleOAuthClient(values),
        clientKey: values.UPSTREAM_CLIENT_KEY ?? '',
        keyId: values.UPSTREAM_CLIENT_KEY_ID,
        algorithm: values.UPSTREAM_CLIENT_ASSERTION_ALG,
        assertionAudience: values.UPSTREAM_CLIENT_ASSERTION_AUDIENCE,
      };
    case 'tls_client_auth':
      return { kind: 'tls_client_auth', ...assembleOAuthClient(values) };
  }
}

function assembleOAuthClient(values: Values): OAuthClientConfig {
  return {
    tokenUrl: values.UPSTREAM_TOKEN_URL,
    issuer: values.UPSTREAM_ISSUER,
    clientId: values.UPSTREAM_CLIENT_ID ?? '',
    scope: values.UPSTREAM_SCOPE,
    audience: values.UPSTREAM_AUDIENCE,
    resource: values.UPSTREAM_RESOURCE,
  };
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}
