/**
 * Every way the bridge can fail, by a stable name. Edges (DIMSE, HTTP, logs) have one table each
 * from these codes to what their peer understands; a code without a row does not compile.
 */
export type BridgeErrorCode =
  | 'configuration_invalid'
  | 'spool_full'
  | 'spool_unavailable'
  | 'spool_locked'
  | 'object_too_large'
  | 'object_mismatch'
  | 'object_unreadable'
  | 'association_rejected'
  | 'association_aborted'
  | 'association_timeout'
  | 'protocol_violation'
  | 'peer_unreachable'
  | 'peer_refused'
  | 'token_unavailable'
  | 'origin_unavailable'
  | 'origin_refused'
  | 'origin_answer_invalid'
  | 'not_found'
  | 'not_acceptable'
  | 'unsupported_media_type'
  | 'invalid_question'
  | 'insufficient_scope'
  | 'unknown_tenant';

interface BridgeErrorOptions {
  /** True when the same attempt may succeed later without anybody changing anything. */
  readonly transient: boolean;
  readonly cause?: unknown;
  /** Values worth logging: never a secret, never patient data. */
  readonly facts?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/**
 * The one base of the errors we throw on purpose.
 *
 * The message is safe to show to a peer: no path, no token, no patient data. Whatever else is
 * worth knowing goes to `facts` and `cause`, for the log only.
 */
export class BridgeError extends Error {
  readonly code: BridgeErrorCode;
  readonly transient: boolean;
  readonly facts: Readonly<Record<string, string | number | boolean | undefined>>;

  constructor(code: BridgeErrorCode, message: string, options: BridgeErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.transient = options.transient;
    this.facts = options.facts ?? {};
  }
}
