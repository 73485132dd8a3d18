import * as accept from '../value-schemas.ts';

/** Store and forward: what waits, and how it goes on. */
export const spoolVariables = {
  DATA_DIR: {
    default: './data',
    accepts: 'the path of a folder',
    description: 'Where the bridge keeps everything it must not lose.',
    schema: accept.path,
  },
  SPOOL_DIR: {
    whenUnset: 'the folder `spool` of `DRAWBRIDGE_DATA_DIR`',
    accepts: 'the path of a folder',
    description: 'Where objects wait for the archive; one process owns it.',
    schema: accept.path,
  },
  SPOOL_MIN_FREE: {
    default: '2GiB',
    accepts: 'a size',
    description:
      'Space that stays free on the disk of the spool: below it, objects are refused (A700H).',
    schema: accept.size({ min: 0 }),
  },
  SPOOL_MAX_BYTES: {
    whenUnset: 'no limit but the disk',
    accepts: 'a size',
    description: 'How much may wait in the spool; beyond it, objects are refused (A700H).',
    schema: accept.size({ min: 1 }),
  },
  STOW_BATCH_INSTANCES: {
    default: '50',
    accepts: 'a whole number from 1 to 10000',
    description: 'How many objects one STOW-RS request carries at most.',
    schema: accept.integer({ min: 1, max: 10_000 }),
  },
  STOW_BATCH_BYTES: {
    default: '64MiB',
    accepts: 'a size of at least 1KiB',
    description: 'How many bytes one request carries at most; a longer object travels alone.',
    schema: accept.size({ min: 1024 }),
  },
  DUPLICATES: {
    default: 'accept',
    accepts: '`accept` or `fail`',
    description:
      'What an object is that the archive says it has already: delivered, or set aside in `failed/`.',
    schema: accept.oneOf('accept', 'fail'),
  },
  STOW_CONCURRENCY: {
    default: '4',
    accepts: 'a whole number from 1 to 256',
    description: 'How many requests are under way at once.',
    schema: accept.integer({ min: 1, max: 256 }),
  },
  RETRY_MIN: {
    default: '1s',
    accepts: 'a duration of at least 10ms',
    description:
      'The first pause after a failed delivery; it doubles from there, with full jitter.',
    schema: accept.duration({ min: 10 }),
  },
  RETRY_MAX: {
    default: '5m',
    accepts: 'a duration of at least 10ms',
    description: 'The longest pause; delivery is never given up for lack of time.',
    schema: accept.duration({ min: 10 }),
  },
} as const;
