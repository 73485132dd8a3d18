import { composeAuthorization } from '../../compose/authorization.ts';
import { composeWay } from '../../compose/archive.ts';
import { readTlsMaterial } from '../../compose/tls-material.ts';
import type { TlsMaterial } from '../../compose/tls-material.ts';
import type { Config, DicomwebArchiveConfig } from '../../config/config.ts';
import type { LoadedConfig } from '../../config/load-config.ts';
import type { AuthorizationSource } from '../../oauth/authorization-source.ts';
import { silentLogger } from '../../telemetry/pino-logger.ts';
import { findRunningBridge } from './running-bridge.ts';
import type { RunningBridge } from './running-bridge.ts';

/** The configuration and what it is held against. */
export interface World {
  readonly config: Config;
  /** `undefined`: the embedded archive, which has no way to it. */
  readonly upstream: Upstream | undefined;
  /** The bridge that owns our spool at this moment. */
  readonly bridge: RunningBridge | undefined;
  /** Whether the archive may be given an object. */
  readonly mayWrite: boolean;
  readonly now: () => number;
}

/** The way to the archive, as the bridge itself would go it. */
export interface Upstream {
  readonly archive: DicomwebArchiveConfig;
  readonly tls: TlsMaterial;
  readonly authorization: AuthorizationSource;
}

/**
 * Gets ready to ask; asks nobody but a bridge that runs.
 *
 * @throws ConfigurationError for what shows only now, such as a certificate that cannot be read.
 */
export async function openWorld(
  { config }: LoadedConfig,
  { mayWrite }: { readonly mayWrite: boolean },
): Promise<World & { close(): Promise<void> }> {
  const upstream = config.archive.kind === 'dicomweb' ? await openUpstream(config) : undefined;
  return {
    config,
    upstream,
    bridge: await findRunningBridge(config),
    mayWrite,
    now: Date.now,
    close: async () => upstream?.authorization.close(),
  };
}

async function openUpstream(config: Config): Promise<Upstream | undefined> {
  const { archive } = config;
  if (archive.kind !== 'dicomweb') return undefined;
  const tls = await readTlsMaterial(archive);
  const way = composeWay(archive, tls);
  const authorization = composeAuthorization(config, archive, { way, log: silentLogger });
  return { archive, tls, authorization };
}
