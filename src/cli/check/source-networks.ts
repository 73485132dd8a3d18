import { networkInterfaces } from 'node:os';
import { formatNetwork, isAllowed, isLoopbackHost } from '../../access/networks.ts';
import type { Network } from '../../access/networks.ts';
import { ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';

/** An address of this machine with its network. */
interface OwnNetwork {
  readonly device: string;
  readonly address: string;
  /** In CIDR notation. */
  readonly cidr: string;
}

/** Whether devices beside us are let in, and the rest of the world is not. */
export const sourceNetworks: Probe = {
  id: 'dimse.networks',
  title: 'Source networks',
  run: ({ config }) => {
    const { host, port, allowedNetworks } = config.dimse;
    if (port === 'off') return Promise.resolve(skipped('DRAWBRIDGE_DIMSE_PORT is off.'));
    if (isLoopbackHost(host)) {
      return Promise.resolve(
        warning(
          `The bridge listens on ${host} only: no device can connect but this machine itself.`,
          'Set DRAWBRIDGE_DIMSE_HOST to :: or to the address devices know.',
          { host },
        ),
      );
    }
    return Promise.resolve(judgeNetworks(allowedNetworks, ownNetworks()));
  },
};

export function judgeNetworks(allowed: readonly Network[], own: readonly OwnNetwork[]): Finding {
  const shown = allowed.map(formatNetwork);
  const outside = own.filter(({ address }) => !isAllowed(allowed, address));
  const facts = { allowed: shown, outside: outside.map(({ cidr }) => cidr) };
  if (allowed.some(({ prefix }) => prefix === 0)) {
    return warning(
      'Devices may connect from anywhere in the world, by plain DICOM.',
      'Set DRAWBRIDGE_DIMSE_ALLOWED_NETWORKS to the networks your devices are in.',
      facts,
    );
  }
  if (outside.length > 0) {
    const networks = outside.map(({ cidr, device }) => `${cidr} (${device})`).join(', ');
    return warning(
      `This machine is in ${networks}, which may not connect: devices there are refused.`,
      'Add the network to DRAWBRIDGE_DIMSE_ALLOWED_NETWORKS if devices are in it.',
      facts,
    );
  }
  return ok(`Devices may connect from ${shown.join(', ')}.`, facts);
}

/** Link-local addresses are left out: every interface has them, and no device is configured by one. */
function ownNetworks(): readonly OwnNetwork[] {
  return Object.entries(networkInterfaces()).flatMap(([device, addresses = []]) =>
    addresses
      .filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address))
      .map(({ address, cidr }) => ({ device, address, cidr: cidr ?? address })),
  );
}
