import * as accept from '../value-schemas.ts';

/** The operations listener, logs and the way down. */
export const operationsVariables = {
  OPS_HOST: {
    default: '127.0.0.1',
    accepts: 'an IP address or host name',
    description: 'The address the operations listener is bound to; it asks nobody for a token.',
    schema: accept.host,
  },
  OPS_PORT: {
    default: '9090',
    accepts: 'a port from 0 to 65535 (0: any free one), or off',
    description: 'The port of the operations listener: /metrics and /health/*.',
    schema: accept.portOrOff,
  },
  LOG_LEVEL: {
    default: 'info',
    accepts: 'debug, info, warn or error',
    description: 'The least important log lines that are written.',
    schema: accept.oneOf('debug', 'info', 'warn', 'error'),
  },
  LOG_FORMAT: {
    whenUnset: '`pretty` on a terminal, else `json`',
    accepts: 'json or pretty',
    description: 'How log lines look.',
    schema: accept.oneOf('json', 'pretty'),
  },
  SHUTDOWN_GRACE: {
    default: '30s',
    accepts: 'a duration up to 1h',
    description: 'How long running associations and requests may take to finish at SIGTERM.',
    schema: accept.duration({ min: 0, max: 3_600_000 }),
  },
} as const;
