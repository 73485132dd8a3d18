import { startBridge } from '../bridge.ts';
import type { Bridge } from '../bridge.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import { createLogger } from '../telemetry/pino-logger.ts';
import { markAtOnce } from './mark-at-once.ts';
import { exitCodes } from './print-error.ts';
import { keepYoungGenerationSmall } from './young-generation.ts';

/**
 * `drawbridge serve`: runs until it is asked to stop, then stops in order.
 *
 * @returns 0 after an orderly stop, 1 when it could not start; the log says why.
 * @throws ConfigurationError for what shows only at start, such as a file that cannot be read.
 */
export async function serve(
  { config, notes }: LoadedConfig,
  stopRequested: Promise<void>,
): Promise<number> {
  keepYoungGenerationSmall();
  markAtOnce();
  const log = createLogger({ ...config.log, output: process.stdout });
  for (const note of notes) log.warn({}, note);
  // What nobody foresaw: say so and go. What was acknowledged is on disk, and the next start resumes.
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'internal error, the bridge ends; acknowledged objects are safe');
    process.exit(exitCodes.failed);
  });
  let bridge: Bridge;
  try {
    bridge = await startBridge(config, log);
  } catch (error) {
    if (!(error instanceof BridgeError) || error instanceof ConfigurationError) throw error;
    log.error({ code: error.code, ...error.facts }, `cannot start: ${error.message}`);
    return exitCodes.failed;
  }
  await stopRequested;
  log.info({ graceMs: config.shutdownGraceMs }, 'stopping');
  await bridge.stop();
  return exitCodes.fine;
}
