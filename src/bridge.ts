import { mkdir } from 'node:fs/promises';
import { composeArchive } from './compose/archive.ts';
import { startControl } from './compose/control.ts';
import { composeConfirmations, composeForwarder } from './compose/delivery.ts';
import { composeListener } from './compose/dimse.ts';
import { startFront } from './compose/front.ts';
import { startOperations } from './compose/http.ts';
import { composeMetrics } from './compose/metrics.ts';
import { composeSpool } from './compose/spool.ts';
import type { Config } from './config/config.ts';
import type { DimseListener } from './dimse/listener.ts';
import { DeliveryProgress } from './flows/delivery-progress.ts';
import { Relay } from './flows/relay.ts';
import { StoreThrough } from './flows/store-through.ts';
import type { Logger } from './telemetry/logger.ts';
import { RecentRefusals } from './telemetry/recent-refusals.ts';

/** A bridge that runs. */
export interface Bridge {
  /** Ports in use; `undefined` where switched off. */
  readonly ports: {
    readonly dimse: number | undefined;
    readonly http: number | undefined;
    readonly operations: number | undefined;
  };
  /** Where clients find DICOMweb; `undefined` where the HTTP front is off. */
  readonly publicRoot: string | undefined;
  /**
   * Stops in order: no new associations, running ones and uploads finish within the grace time of
   * the configuration, then they are broken off. What was acknowledged stays in the spool.
   */
  stop(): Promise<void>;
}

/**
 * Starts a bridge: what was left in the spool is on its way again before the first new association.
 *
 * @throws BridgeError when a port, a folder or a setting stands in the way; nothing stays open then.
 */
export async function startBridge(config: Config, log: Logger): Promise<Bridge> {
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  let isServing = false;
  let ports: Bridge['ports'] = { dimse: undefined, http: undefined, operations: undefined };
  try {
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    const spool = composeSpool(config, log);
    await spool.open();
    closers.push(() => spool.close());
    const waiting = spool.depth();

    const progress = new DeliveryProgress({ now: Date.now });
    const refusals = new RecentRefusals();
    const control = await startControl(config, {
      ...{ spool, progress, refusals, log },
      ports: () => ports,
    });
    closers.push(() => control.close());

    // Only now: the control socket shows that no other bridge uses the embedded archive's folder.
    const composed = await composeArchive(config, log);
    const { archive } = composed;
    closers.push(() => composed.close());
    const metrics = composeMetrics(config, { spool, archive: composed });

    const checks = { live: () => true, ready: () => isServing, ingest: () => spool.accepts() };
    const operations = await startOperations(config, { checks, metrics, log });
    closers.push(async () => operations?.close());

    // One grace period for all: an object taken in the last second may still leave.
    let grace = AbortSignal.abort();
    const confirmations = composeConfirmations(config);
    const forwarder = composeForwarder(config, {
      ...{ spool, store: archive, metrics, progress, log },
      outcomes: confirmations,
    });
    forwarder.start();
    closers.push(() => forwarder.stop(grace));

    const stores = new StoreThrough({ origin: archive, archive });
    const front = await startFront(config, {
      relay: new Relay({ origin: archive, archive }),
      storeInstances: (...call) => stores.storeInstances(...call),
      way: composed.way,
      ...{ checks, metrics, log },
    });
    let dimse: DimseListener | undefined;
    let dimsePort: number | undefined;
    // Both fronts at once: what one needs of the grace period is not missing to the other.
    closers.push(async () => {
      const graceMs = grace.aborted ? 0 : config.shutdownGraceMs;
      await Promise.all([dimse?.stop(grace), front?.close({ graceMs })]);
    });
    if (config.dimse.port !== 'off') {
      dimse = composeListener(config, config.dimse.port, {
        spool,
        metrics,
        refusals,
        confirmations,
        log,
      });
      ({ port: dimsePort } = await dimse.start());
    }
    isServing = true;

    ports = {
      dimse: dimsePort,
      http: front?.port,
      operations: operations?.port,
    };
    announce(config, { ...ports, dicomweb: front?.publicRoot }, waiting, log);
    return {
      ports,
      publicRoot: front?.publicRoot,
      stop: async () => {
        isServing = false;
        grace = AbortSignal.timeout(config.shutdownGraceMs);
        await closeAll();
        log.info({}, 'stopped; what waits in the spool is delivered after the next start');
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function announce(
  config: Config,
  places: Bridge['ports'] & { readonly dicomweb: string | undefined },
  waiting: { readonly entries: number; readonly bytes: number; readonly failedEntries: number },
  log: Logger,
): void {
  const { archive, dimse, dataDir } = config;
  log.info(
    {
      ...places,
      aeTitles: dimse.aeTitles,
      dataDir,
      archive: archive.kind === 'dicomweb' ? archive.url : archive.folder,
      waiting: waiting.entries,
      failed: waiting.failedEntries,
    },
    'bridge is ready',
  );
  if (archive.kind === 'embedded') {
    log.warn(
      {},
      'DRAWBRIDGE_UPSTREAM_URL is not set: objects stay in the embedded archive, which is for trying out',
    );
  }
  if (!dimse.requireCalledAeTitle) {
    log.warn({}, 'DRAWBRIDGE_DIMSE_REQUIRE_CALLED_AE is false: any called AE title is accepted');
  }
}
