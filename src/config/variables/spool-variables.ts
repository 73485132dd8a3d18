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
  STORE_ACK: {
    default: 'spooled',
    accepts: '`spooled` or `archived`',
    description:
      'When a C-STORE is answered: once the object is durable in the spool, or once the archive has confirmed it too.',
    schema: accept.oneOf('spooled', 'archived'),
  },
  ARCHIVE_ACK_TIMEOUT: {
    default: '25s',
    accepts: 'a duration from 100ms to 1h',
    description:
      'With `STORE_ACK=archived`: how long a C-STORE waits for the archive before it is answered with A700H; the object is delivered all the same.',
    schema: accept.duration({ min: 100, max: 3_600_000 }),
  },
  URGENT_MODALITIES: {
    whenUnset: 'none',
    accepts: 'values of Modality (0008,0060) separated by commas, such as `CR,DX,US`',
    description:
      'Objects of these modalities overtake all others in the queue, as do those sent with Priority HIGH.',
    schema: accept.codeStrings,
  },
  SPOOL_KEEP: {
    default: '0',
    accepts: 'a duration, or `0`',
    description:
      'How long delivered objects stay, for `drawbridge queue replay`; they go early before the disk is full.',
    schema: accept.duration({ min: 0 }),
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
    accepts: '`accept`, `verify` or `fail`',
    description:
      'What an object is that the archive says it has already: delivered, compared with what the archive has (the same: delivered, another: set aside), or set aside in `failed/`.',
    schema: accept.oneOf('accept', 'verify', 'fail'),
  },
  STOW_CONCURRENCY: {
    default: '4',
    accepts: 'a whole number from 1 to 256',
    description: 'How many requests are under way at once.',
    schema: accept.integer({ min: 1, max: 256 }),
  },
  UPLOAD_RATE: {
    default: 'unlimited',
    accepts:
      'rates such as `20Mbit/s`, `500kB/s` or `unlimited`, separated by commas, each with its hours (`20Mbit/s@07-19`, `unlimited@22-06`); the last may come without and is for the rest of the day; an hour has one rate',
    description:
      'How fast all uploads together may go, by the hour in local time; urgent objects are exempt.',
    schema: accept.uploadRate,
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
