import { BridgeError } from './bridge-error.ts';

/** The object is longer than the bridge accepts. Final for this object. */
export class ObjectTooLargeError extends BridgeError {
  constructor(facts: { readonly limitBytes: number }) {
    super('object_too_large', `object exceeds ${facts.limitBytes} bytes`, {
      transient: false,
      facts,
    });
  }
}

/** Command set and data set disagree about what the object is. Final for this object. */
export class ObjectMismatchError extends BridgeError {
  /** The elements that disagree, as tags (`0x00080016`), for Offending Element (0000,0901). */
  readonly offendingElements: readonly number[];

  constructor(message: string, offendingElements: readonly number[]) {
    super('object_mismatch', message, { transient: false });
    this.offendingElements = offendingElements;
  }
}

/** The data set's structure cannot be followed, or what every object needs is missing. Final. */
export class ObjectUnreadableError extends BridgeError {
  constructor(message: string) {
    super('object_unreadable', message, { transient: false });
  }
}
