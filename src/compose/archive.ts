import { readFile } from 'node:fs/promises';
import type { Archive, ObjectStore } from '../archive/archive.ts';
import { DicomWebArchive } from '../archive/dicomweb/dicomweb-archive.ts';
import { EmbeddedArchive } from '../archive/embedded/embedded-archive.ts';
import type { Config, DicomwebArchiveConfig } from '../config/config.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import {
  basicAuthorization,
  bearerAuthorization,
  noAuthorization,
} from '../oauth/authorization-source.ts';
import type { AuthorizationSource } from '../oauth/authorization-source.ts';
import { ClientCredentialsSource } from '../oauth/client-credentials-source.ts';
import type { Logger } from '../telemetry/logger.ts';

/** PEM texts for the way to the archive and to the token endpoint. */
interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** An archive with what has to be closed after it. */
export interface ComposedArchive {
  readonly store: ObjectStore;
  /** The same, where this version can also read it back. */
  readonly archive: Archive | undefined;
  close(): Promise<void>;
}

/** Builds the archive the configuration names, with its credentials. */
export async function composeArchive(config: Config, log: Logger): Promise<ComposedArchive> {
  const { archive } = config;
  if (archive.kind === 'embedded') {
    const embedded = new EmbeddedArchive({ folder: archive.folder, log });
    await embedded.open();
    return { store: embedded, archive: embedded, close: () => embedded.close() };
  }
  const tls = await readTlsMaterial(archive);
  const authorization = composeAuthorization(archive, tls, log);
  const dicomweb = new DicomWebArchive({
    baseUrl: archive.url,
    connections: archive.connections,
    timeoutMs: archive.timeoutMs,
    authorization,
    tls,
    log,
    now: Date.now,
    ...pathOptions(archive),
  });
  return {
    store: dicomweb,
    archive: undefined,
    close: async () => {
      await dicomweb.close();
      await authorization.close();
    },
  };
}

function composeAuthorization(
  { auth }: DicomwebArchiveConfig,
  tls: TlsMaterial,
  log: Logger,
): AuthorizationSource {
  switch (auth.kind) {
    case 'none':
      return noAuthorization();
    case 'basic':
      return basicAuthorization(auth.username, auth.password);
    case 'bearer':
      return bearerAuthorization(auth.token);
    case 'client_credentials':
      return new ClientCredentialsSource({
        tokenUrl: auth.tokenUrl,
        clientId: auth.clientId,
        clientSecret: auth.clientSecret,
        clientAuth: auth.clientAuth,
        ...(auth.scope !== undefined && { scope: auth.scope }),
        ...(auth.audience !== undefined && { audience: auth.audience }),
        ...(auth.resource !== undefined && { resource: auth.resource }),
        tls,
        now: Date.now,
        log,
      });
  }
}

function pathOptions({ stowPath, qidoPath, wadoPath }: DicomwebArchiveConfig): {
  readonly stowPath?: string;
  readonly qidoPath?: string;
  readonly wadoPath?: string;
} {
  return {
    ...(stowPath !== undefined && { stowPath: `/${stowPath}` }),
    ...(qidoPath !== undefined && { qidoPath: `/${qidoPath}` }),
    ...(wadoPath !== undefined && { wadoPath: `/${wadoPath}` }),
  };
}

async function readTlsMaterial({ tls }: DicomwebArchiveConfig): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([
    readPem(tls.caFile, 'DRAWBRIDGE_UPSTREAM_TLS_CA'),
    readPem(tls.certFile, 'DRAWBRIDGE_UPSTREAM_TLS_CERT'),
    readPem(tls.keyFile, 'DRAWBRIDGE_UPSTREAM_TLS_KEY'),
  ]);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function readPem(file: string | undefined, variable: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw new ConfigurationError([{ variable, got: file, accepts: 'a readable PEM file' }]);
  }
}
