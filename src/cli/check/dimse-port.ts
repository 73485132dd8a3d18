import { isAllowed } from '../../access/networks.ts';
import type { AeTitle } from '../../dicom/ae-title.ts';
import { verify } from '../../dimse/verification-user.ts';
import { BridgeError } from '../../errors/bridge-error.ts';
import { dimseTarget } from '../dimse-target.ts';
import { failed, ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import { bindObstacle, reachableHost, tryToBind } from './try-to-bind.ts';
import type { World } from './world.ts';

const settings = 'DRAWBRIDGE_DIMSE_PORT (or DRAWBRIDGE_DIMSE_HOST)';

/** Whether devices can connect: the port is ours already, or free to become so. */
export const dimsePort: Probe = {
  id: 'dimse.port',
  title: 'DICOM port',
  run: async ({ config, bridge }) => {
    const { host, port, aeTitle, allowedNetworks } = config.dimse;
    if (port === 'off') return skipped('DRAWBRIDGE_DIMSE_PORT is off.');
    if (port === 0) return ok('Any free port is taken at each start (DRAWBRIDGE_DIMSE_PORT=0).');
    const facts = { host, port };
    const code = await tryToBind(host, port);
    if (code === undefined && bridge === undefined) {
      return ok(`Port ${port} on ${host} is free; the bridge is not running.`, facts);
    }
    if (code === undefined) {
      return failed(
        `A bridge runs, but nothing listens on port ${port} of ${host}.`,
        'It was started with other settings: restart it.',
        facts,
      );
    }
    if (code !== 'EADDRINUSE') {
      return failed(bindObstacle(code, { host, port }), `Set ${settings} to another one.`, facts);
    }
    const near = reachableHost(host);
    if (bridge !== undefined && !isAllowed(allowedNetworks, near)) {
      return ok(
        `Port ${port} on ${host} is in use, and our bridge runs; this machine itself may not ask it.`,
        facts,
      );
    }
    return judgeEcho(await echoes({ host: near, port, title: aeTitle }), {
      port,
      isOurs: bridge !== undefined,
      aeTitle,
    });
  },
};

/** Whether every AE title of ours is answered to. */
export const aeTitles: Probe = {
  id: 'dimse.ae-titles',
  title: 'AE titles',
  run: async (world) => {
    const { port, aeTitles: titles, requireCalledAeTitle } = world.config.dimse;
    if (port === 'off') return skipped('DRAWBRIDGE_DIMSE_PORT is off.');
    const shown = titles.join(', ');
    const facts = { aeTitles: [...titles], requireCalledAeTitle };
    const refused = await refusedTitle(world);
    if (refused !== undefined) {
      return failed(
        `The running bridge does not answer to ${refused.title}: ${refused.message}.`,
        'It was started with other settings: restart it.',
        facts,
      );
    }
    if (!requireCalledAeTitle) {
      return warning(
        `We are ${shown}, and answer to whatever else a device calls us.`,
        'Set DRAWBRIDGE_DIMSE_REQUIRE_CALLED_AE to true as soon as the devices are configured.',
        facts,
      );
    }
    return ok(`Devices must call us ${shown} (case counts).`, facts);
  },
};

async function refusedTitle({
  config,
  bridge,
}: World): Promise<{ readonly title: AeTitle; readonly message: string } | undefined> {
  const { host, port, aeTitles: titles, allowedNetworks } = config.dimse;
  const near = reachableHost(host);
  if (bridge === undefined || typeof port !== 'number' || port === 0) return undefined;
  if (!isAllowed(allowedNetworks, near)) return undefined;
  for (const title of titles) {
    const message = await echoes({ host: near, port, title });
    if (message !== undefined) return { title, message };
  }
  return undefined;
}

function judgeEcho(
  message: string | undefined,
  {
    port,
    isOurs,
    aeTitle,
  }: { readonly port: number; readonly isOurs: boolean; readonly aeTitle: AeTitle },
): Finding {
  const facts = { port, answersEcho: message === undefined, isOurs };
  if (message === undefined && isOurs) {
    return ok(`The bridge answers C-ECHO on port ${port} as ${aeTitle}.`, facts);
  }
  if (message === undefined) {
    return failed(
      `Another bridge than that of DRAWBRIDGE_DATA_DIR answers on port ${port} as ${aeTitle}.`,
      `Stop it, set DRAWBRIDGE_DATA_DIR to its folder, or set ${settings} to another one.`,
      facts,
    );
  }
  return failed(
    `Port ${port} is taken, and whoever listens does not answer C-ECHO to ${aeTitle}: ${message}.`,
    isOurs
      ? 'Restart the bridge: it may run with other settings.'
      : `Stop it, or set ${settings} to another one.`,
    facts,
  );
}

/** @returns what went wrong, `undefined` when the peer answered. */
async function echoes(peer: {
  readonly host: string;
  readonly port: number;
  readonly title: AeTitle;
}): Promise<string | undefined> {
  const { title, ...address } = peer;
  const target = dimseTarget({ ...address, calledAeTitle: title }, title);
  const timeouts = { ...target.timeouts, artimMs: 3_000, idleMs: 3_000 };
  try {
    await verify({ ...target, timeouts, connectTimeoutMs: 3_000 });
    return undefined;
  } catch (error) {
    if (error instanceof BridgeError) return error.message;
    throw error;
  }
}
