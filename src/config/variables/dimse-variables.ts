import * as accept from '../value-schemas.ts';

/** The DIMSE front: what devices connect to. */
export const dimseVariables = {
  DIMSE_AE_TITLE: {
    default: 'DRAWBRIDGE',
    accepts: 'an AE title: 1 to 16 printable ASCII characters without backslash',
    description: 'The AE title of this bridge, called by devices and written into what it sends.',
    schema: accept.aeTitle,
  },
  DIMSE_AE_TITLES: {
    whenUnset: 'none',
    accepts: 'AE titles separated by commas',
    description: 'More AE titles this bridge answers to.',
    schema: accept.aeTitles,
  },
  DIMSE_HOST: {
    default: '::',
    accepts: 'an IP address or host name',
    description:
      'The address the DIMSE listener is bound to; `::` is every address, IPv4 included.',
    schema: accept.host,
  },
  DIMSE_PORT: {
    default: '11112',
    accepts: 'a port from 0 to 65535 (0: any free one), or off',
    description: 'The port of the DIMSE listener.',
    schema: accept.portOrOff,
  },
  DIMSE_ALLOWED_NETWORKS: {
    default: 'local',
    accepts: 'networks (10.0.0.0/8, fd00::/8), addresses, local or any, separated by commas',
    description:
      'Where devices may connect from; `local` is loopback, RFC 1918 and IPv6 ULA, `any` is the whole world.',
    schema: accept.networks,
  },
  DIMSE_REQUIRE_CALLED_AE: {
    default: 'true',
    accepts: 'true or false',
    description: 'Whether an association has to call one of our AE titles.',
    schema: accept.trueOrFalse,
  },
  DIMSE_MAX_ASSOCIATIONS: {
    default: '64',
    accepts: 'a whole number from 1 to 10000',
    description: 'How many associations may be open at once; the next one is told to come again.',
    schema: accept.integer({ min: 1, max: 10_000 }),
  },
  DIMSE_MAX_ASSOCIATIONS_PER_PEER: {
    default: '16',
    accepts: 'a whole number from 1 to 10000',
    description: 'How many of them may come from one address.',
    schema: accept.integer({ min: 1, max: 10_000 }),
  },
  DIMSE_MAX_PDU: {
    default: '131072',
    accepts: 'a size from 4KiB to 1MiB',
    description: 'The maximum PDU length offered to peers (PS3.8 D.1).',
    schema: accept.size({ min: 4096, max: 2 ** 20 }),
  },
  DIMSE_ARTIM_TIMEOUT: {
    default: '30s',
    accepts: 'a duration from 100ms to 1h',
    description: 'How long a new connection may take to ask for an association (PS3.8 9.1.5).',
    schema: accept.duration({ min: 100, max: 3_600_000 }),
  },
  DIMSE_IDLE_TIMEOUT: {
    default: '5m',
    accepts: 'a duration from 100ms to 24h',
    description: 'How long an association may be silent before it is aborted.',
    schema: accept.duration({ min: 100, max: 86_400_000 }),
  },
  DIMSE_MAX_OBJECT_SIZE: {
    default: '16GiB',
    accepts: 'a size of at least 1KiB',
    description: 'The longest data set taken in; a longer one is answered A700H.',
    schema: accept.size({ min: 1024 }),
  },
} as const;
