import { BridgeError } from './bridge-error.ts';

/**
 * The peer answered A-ASSOCIATE-RJ. Transient when it says so itself.
 *
 * @see PS3.8 §9.3.4, Table 9-21
 */
export class AssociationRejectedError extends BridgeError {
  readonly rejectResult: number;
  readonly rejectSource: number;
  readonly rejectDiagnostic: number;

  constructor(rejectResult: number, rejectSource: number, rejectDiagnostic: number) {
    super(
      'association_rejected',
      `the peer refused the association: ${describeRejection(rejectSource, rejectDiagnostic)} (${rejectResult === 2 ? 'for now' : 'for good'})`,
      { transient: rejectResult === 2, facts: { rejectResult, rejectSource, rejectDiagnostic } },
    );
    this.rejectResult = rejectResult;
    this.rejectSource = rejectSource;
    this.rejectDiagnostic = rejectDiagnostic;
  }
}

/**
 * The association ended before its time: an A-ABORT from the peer or from us, or the connection
 * went away (then without source and reason). Transient: another attempt may pass.
 *
 * @see PS3.8 §9.3.8, Table 9-26
 */
export class AssociationAbortedError extends BridgeError {
  readonly abortSource: number | undefined;
  readonly abortReason: number | undefined;

  constructor(
    message: string,
    options: {
      readonly abortSource?: number | undefined;
      readonly abortReason?: number | undefined;
      readonly cause?: unknown;
    } = {},
  ) {
    super('association_aborted', message, {
      transient: true,
      cause: options.cause,
      facts: { abortSource: options.abortSource, abortReason: options.abortReason },
    });
    this.abortSource = options.abortSource;
    this.abortReason = options.abortReason;
  }
}

/** The peer took longer than it may: to associate, to answer, to read, or to go on sending. Transient. */
export class AssociationTimeoutError extends BridgeError {
  constructor(message: string) {
    super('association_timeout', message, { transient: true });
  }
}

/** The Reason/Diag values of a provider's A-ABORT (PS3.8 Table 9-26). */
export type ViolationReason = 1 | 2 | 4 | 5 | 6;

/** The peer sent what PS3.7 or PS3.8 does not allow. Final: the same bytes would fail again. */
export class ProtocolViolationError extends BridgeError {
  /** What our A-ABORT says about it: 1 unrecognised, 2 unexpected PDU, 6 invalid parameter value … */
  readonly abortReason: ViolationReason;

  constructor(message: string, abortReason: ViolationReason = 6) {
    super('protocol_violation', message, { transient: false, facts: { abortReason } });
    this.abortReason = abortReason;
  }
}

/** One phrase for the source and reason of an A-ASSOCIATE-RJ, for people. */
export function describeRejection(source: number, diagnostic: number): string {
  return (
    rejections[`${source},${diagnostic}`] ??
    `no known reason (source ${source}, reason ${diagnostic})`
  );
}

const rejections: Readonly<Record<string, string>> = {
  '1,1': 'no reason given',
  '1,2': 'application context name not supported',
  '1,3': 'calling AE title not recognised',
  '1,7': 'called AE title not recognised',
  '2,1': 'no reason given by the association service',
  '2,2': 'protocol version not supported',
  '3,1': 'temporary congestion',
  '3,2': 'local limit exceeded',
};

/** One phrase for the source and reason of an A-ABORT, for people. */
export function describeAbort(source: number, reason: number): string {
  if (source !== 2) return 'aborted by its user';
  return `aborted by its provider: ${abortReasons[reason] ?? `reason ${reason}`}`;
}

const abortReasons: Readonly<Record<number, string>> = {
  0: 'reason not specified',
  1: 'unrecognised PDU',
  2: 'unexpected PDU',
  4: 'unrecognised PDU parameter',
  5: 'unexpected PDU parameter',
  6: 'invalid PDU parameter value',
};
