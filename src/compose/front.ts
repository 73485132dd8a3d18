import type { Config } from '../config/config.ts';
import type { FrontConfig } from '../config/front-config.ts';
import { CertificateWatch } from '../http/certificate-watch.ts';
import { createDicomwebHandler } from '../http/dicomweb/dicomweb-handler.ts';
import type { Admission } from '../http/dicomweb/admission.ts';
import type { DicomwebHandlerOptions } from '../http/dicomweb/dicomweb-handler.ts';
import type { HttpListener, ServerCertificate } from '../http/http-listener.ts';
import { openApiResources } from '../http/openapi-resources.ts';
import { guardPlaintext } from '../http/plaintext-guard.ts';
import { createPublicApp } from '../http/public-app.ts';
import { resourceMetadataHandler, resourceMetadataPath } from '../http/resource-metadata.ts';
import type { BearerAuthenticator } from '../oauth/bearer-authenticator.ts';
import type { OpenAuthenticator } from '../oauth/open-authenticator.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { composeAuthenticator } from './authenticator.ts';
import type { Way } from './authorization.ts';
import type { HealthChecks } from './http.ts';
import { listen } from './listen.ts';
import { readTlsIdentity } from './tls-material.ts';
import { composeViewer } from './viewer.ts';

/** The HTTP front, open. */
export interface HttpFront {
  readonly port: number;
  /** Where clients find the DICOMweb root: an absolute URL without a slash at its end. */
  readonly publicRoot: string;
  /** Takes no new connection, lets requests finish for `graceMs` and then cuts what is left. */
  close(options: { readonly graceMs: number }): Promise<void>;
}

interface FrontRooms {
  readonly relay: DicomwebHandlerOptions['relay'];
  readonly storeInstances?: DicomwebHandlerOptions['storeInstances'];
  /** How the issuer of tokens is reached. */
  readonly way: Way;
  readonly checks: HealthChecks;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * Opens the HTTP front; `undefined` where it is off.
 *
 * @throws BridgeError `configuration_invalid` naming the setting that stands in the way.
 */
export async function startFront(
  config: Config,
  rooms: FrontRooms,
): Promise<HttpFront | undefined> {
  const { http, access } = config;
  const { host, port } = http;
  if (port === 'off') return undefined;
  const { log } = rooms;
  const tls = http.tls && (await readTlsIdentity(http.tls));
  // Who may call depends on the address, which is known once the port is: until then nobody is served.
  let serve: Served = notYet();
  const listener = await listen('DRAWBRIDGE_HTTP_PORT', {
    ...{ host, port, tls },
    app: { fetch: (request, env) => serve.app.fetch(request, env) },
    front: (incoming, outgoing) => serve.front(incoming, outgoing),
    // Uploads take as long as they take; the handler ends those that stand still.
    requestTimeoutMs: 0,
    // Pixel data comes in pieces of 64 KiB: room for a few spares a pause after each.
    highWaterMark: 256 * 1024,
    // Idle ones cost little and end by themselves; a full listener serves nobody (HOSTILE D28).
    maxConnections: 8_192,
  });
  const watch = watchCertificate(http, { tls, listener, log });
  const publicRoot = publicUrlOf(http, listener.port) + http.dicomwebRoot;
  try {
    const authenticator = await composeAuthenticator(access, {
      audience: publicRoot,
      dataDir: config.dataDir,
      allowPlaintext: config.allowPlaintext,
      way: rooms.way,
      events: { refused: (reason) => rooms.metrics.authenticationFailed(reason) },
      log,
    });
    serve = composeServed(config, {
      ...rooms,
      publicRoot,
      authenticator,
    });
    return {
      port: listener.port,
      publicRoot,
      close: async ({ graceMs }) => {
        await watch?.close();
        await listener.close({ graceMs });
        await authenticator?.close();
      },
    };
  } catch (error) {
    await watch?.close();
    await listener.close({ graceMs: 0 });
    throw error;
  }
}

interface Served {
  readonly app: { readonly fetch: (request: Request, env: object) => Response | Promise<Response> };
  readonly front: ReturnType<typeof guardPlaintext>;
}

function notYet(): Served {
  const headers = { 'Retry-After': '1' };
  return { app: { fetch: () => new Response(null, { status: 503, headers }) }, front: () => false };
}

function composeServed(
  { http, access }: Config,
  site: FrontRooms & {
    readonly publicRoot: string;
    readonly authenticator: OpenAuthenticator | undefined;
  },
): Served {
  const { publicRoot, authenticator, relay, storeInstances, checks, metrics, log } = site;
  const scopeNames = access.oidc?.scopeNames ?? localScopeNames;
  const metadataPath = resourceMetadataPath(http.dicomwebRoot);
  const guard = guardPlaintext(http.plaintextFrom);
  const dicomweb = createDicomwebHandler({
    root: http.dicomwebRoot,
    publicRoot: () => publicRoot,
    admission: admissionOf(authenticator?.authenticator, new URL(metadataPath, publicRoot).href),
    scopeNames,
    ...{ relay, storeInstances },
    corsOrigins: http.corsOrigins,
    maxBodyBytes: http.maxBodyBytes,
    trustedProxies: http.trustedProxies,
    ...{ metrics, log },
    now: Date.now,
    random: Math.random,
  });
  const documents = {
    ...(authenticator && {
      [metadataPath]: resourceMetadataHandler({
        resource: publicRoot,
        authorizationServers: access.oidc ? [access.oidc.issuer] : [],
        scopes: [scopeNames.read, scopeNames.write],
      }),
    }),
    ...openApiResources({
      dicomwebRoot: http.dicomwebRoot,
      scopeNames,
      issuer: access.oidc?.issuer,
    }),
  };
  return {
    app: createPublicApp({
      ...{ live: checks.live, ready: checks.ready, documents, log },
      viewer: composeViewer(http, access, { publicRoot, authenticator }),
    }),
    front: (incoming, outgoing) => guard(incoming, outgoing) || dicomweb(incoming, outgoing),
  };
}

function admissionOf(
  authenticator: BearerAuthenticator | undefined,
  resourceMetadataUrl: string,
): Admission {
  if (authenticator === undefined) return { kind: 'open' };
  return {
    kind: 'bearer',
    authenticate: (authorization) => authenticator.authenticate(authorization),
    resourceMetadataUrl: () => resourceMetadataUrl,
  };
}

/** As the tokens of the bridge itself name them. */
const localScopeNames = { read: 'read', write: 'write', admin: 'admin' } as const;

function publicUrlOf({ publicUrl, tls, host }: FrontConfig, port: number): string {
  const scheme = tls === undefined ? 'http' : 'https';
  return publicUrl ?? `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function watchCertificate(
  { tls: files }: FrontConfig,
  {
    tls,
    listener,
    log,
  }: {
    readonly tls: ServerCertificate | undefined;
    readonly listener: HttpListener;
    readonly log: Logger;
  },
): CertificateWatch | undefined {
  if (files === undefined || tls === undefined) return undefined;
  const read = (): Promise<ServerCertificate> => readTlsIdentity(files);
  const watch = new CertificateWatch({ read, shown: tls, listener, log });
  watch.start();
  return watch;
}
