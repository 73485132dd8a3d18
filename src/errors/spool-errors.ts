import { BridgeError } from './bridge-error.ts';

/** The spool may not take this object: free space or the configured size is used up. Transient. */
export class SpoolFullError extends BridgeError {
  constructor(
    message: string,
    facts: { readonly freeBytes?: number; readonly limitBytes?: number },
    cause?: unknown,
  ) {
    super('spool_full', message, { transient: true, facts, cause });
  }
}

/** The spool's folder cannot be written or read (permissions, I/O error, read-only). Transient. */
export class SpoolUnavailableError extends BridgeError {
  constructor(message: string, cause: unknown) {
    super('spool_unavailable', message, { transient: true, cause });
  }
}

/** Another process holds the spool. Final for this start. */
export class SpoolLockedError extends BridgeError {
  constructor(facts: { readonly pid?: number; readonly folder: string }) {
    super(
      'spool_locked',
      `another process${facts.pid === undefined ? '' : ` (pid ${facts.pid})`} is using this spool folder; stop it, or set DRAWBRIDGE_SPOOL_DIR to another folder`,
      { transient: false, facts },
    );
  }
}
