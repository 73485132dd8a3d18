import { BridgeError } from './bridge-error.ts';

/** What is asked for exists, and not in a form the client takes (RFC 9110 §15.5.7). Final. */
export class NotAcceptableError extends BridgeError {
  constructor(message: string) {
    super('not_acceptable', message, { transient: false });
  }
}

/** What a client sends has a form nobody here reads (RFC 9110 §15.5.16). Final. */
export class UnsupportedMediaTypeError extends BridgeError {
  constructor(message: string) {
    super('unsupported_media_type', message, { transient: false });
  }
}

/** A request, or an object in it, is longer than somebody takes (RFC 9110 §15.5.14). Final. */
export class ContentTooLargeError extends BridgeError {
  constructor(message: string) {
    super('object_too_large', message, { transient: false });
  }
}

/** The request cannot be carried out as it stands (RFC 9110 §15.5.1). Final. */
export class InvalidQuestionError extends BridgeError {
  constructor(message: string) {
    super('invalid_question', message, { transient: false });
  }
}

/** The caller may not do this; a token with this scope could (RFC 6750 §3.1). */
export class InsufficientScopeError extends BridgeError {
  readonly scope: string;

  constructor(scope: string) {
    super('insufficient_scope', `this needs the scope ${scope}`, { transient: false });
    this.scope = scope;
  }
}

/** The caller belongs to a tenant this bridge does not serve; no token of theirs could. */
export class UnknownTenantError extends BridgeError {
  constructor() {
    super('unknown_tenant', 'the token belongs to a tenant this bridge does not serve', {
      transient: false,
    });
  }
}
