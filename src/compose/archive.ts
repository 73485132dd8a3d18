import type { Archive } from '../archive/archive.ts';
import type { DicomwebOrigin } from '../archive/dicomweb-origin.ts';
import type { StoreOrigin } from '../archive/store-origin.ts';
import { DicomWebArchive } from '../archive/dicomweb/dicomweb-archive.ts';
import { UploadShaper } from '../archive/dicomweb/upload-shaper.ts';
import { EmbeddedArchive } from '../archive/embedded/embedded-archive.ts';
import type { Config, DicomwebArchiveConfig } from '../config/config.ts';
import { proxyConnector } from '../egress/proxy-connector.ts';
import type { Logger } from '../telemetry/logger.ts';
import { composeAuthorization } from './authorization.ts';
import type { Way } from './authorization.ts';
import { readTlsMaterial } from './tls-material.ts';
import type { TlsMaterial } from './tls-material.ts';

/** An archive with what has to be closed after it. */
export interface ComposedArchive {
  /** For the way in and the way out alike. */
  readonly archive: Archive & DicomwebOrigin & StoreOrigin;
  /** How it is reached; issuers of tokens are reached so too. */
  readonly way: Way;
  /** Milliseconds since the epoch at which the token it is shown was fetched, where there is one. */
  tokenObtainedAt(): number | undefined;
  close(): Promise<void>;
}

/** Builds the archive the configuration names, with its credentials. */
export async function composeArchive(config: Config, log: Logger): Promise<ComposedArchive> {
  const { archive } = config;
  if (archive.kind === 'embedded') {
    const embedded = new EmbeddedArchive({ folder: archive.folder, log });
    await embedded.open();
    return {
      archive: embedded,
      way: { tls: {} },
      tokenObtainedAt: () => undefined,
      close: () => embedded.close(),
    };
  }
  const tls = await readTlsMaterial(archive);
  const way = composeWay(archive, tls);
  const authorization = composeAuthorization(config, archive, { way, log });
  const dicomweb = new DicomWebArchive({
    baseUrl: archive.url,
    connections: archive.connections,
    timeoutMs: archive.timeoutMs,
    quirks: archive.quirks,
    authorization,
    ...way,
    duplicates: config.delivery.duplicates,
    shaper: composeShaper(config.delivery.uploadRate),
    log,
    now: Date.now,
    ...pathOptions(archive),
  });
  return {
    archive: dicomweb,
    way,
    tokenObtainedAt: () => authorization.obtainedAt,
    close: async () => {
      await dicomweb.close();
      await authorization.close();
    },
  };
}

function composeShaper(bytesPerSecond: readonly (number | undefined)[]): UploadShaper | undefined {
  if (bytesPerSecond.every((rate) => rate === undefined)) return undefined;
  return new UploadShaper({
    bytesPerSecond,
    hour: () => new Date().getHours(),
    now: () => performance.now(),
  });
}

/** Nobody waits longer for a connection; as `OriginClient` has it where it makes its own. */
const longestConnectMs = 10_000;

/** How connections are made: straight, or through the proxies of the site. */
export function composeWay({ proxies, timeoutMs }: DicomwebArchiveConfig, tls: TlsMaterial): Way {
  if (proxies === undefined) return { tls };
  const connectMs = Math.min(timeoutMs, longestConnectMs);
  return { tls, connect: proxyConnector({ proxies, tls, timeoutMs: connectMs }) };
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
