import { search, store } from './archive-rights.ts';
import { dataFolder } from './data-folder.ts';
import { aeTitles, dimsePort } from './dimse-port.ts';
import { archiveEndpoint, endpointProbes, issuerEndpoint, tokenEndpoint } from './endpoint.ts';
import { freeSpace } from './free-space.ts';
import { frontCertificate } from './front-certificate.ts';
import { httpPort, metricsPort } from './http-ports.ts';
import { issuerKeys } from './issuer-keys.ts';
import type { Probe } from './probe.ts';
import { recentRefusals } from './recent-refusals.ts';
import { sourceNetworks } from './source-networks.ts';
import { spoolState } from './spool-state.ts';
import { syncSpeed } from './sync-speed.ts';
import { token } from './token.ts';

/** Probes that a person reads together. */
export interface ProbeGroup {
  readonly title: string;
  readonly probes: readonly Probe[];
}

/** Everything that is looked at, from this machine outwards. */
export const probeGroups: readonly ProbeGroup[] = [
  { title: 'This machine', probes: [dataFolder, syncSpeed, freeSpace, spoolState] },
  { title: 'Devices (DICOM)', probes: [dimsePort, aeTitles, sourceNetworks, recentRefusals] },
  { title: 'Token server', probes: [...endpointProbes(tokenEndpoint), token] },
  { title: 'Archive', probes: [...endpointProbes(archiveEndpoint), search, store] },
  { title: 'Identity provider', probes: [...endpointProbes(issuerEndpoint), issuerKeys] },
  { title: 'Monitoring and clients', probes: [httpPort, frontCertificate, metricsPort] },
];
