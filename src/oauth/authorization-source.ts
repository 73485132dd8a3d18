import { Buffer } from 'node:buffer';

/** Says what to put into the Authorization header of requests to an archive. */
export interface AuthorizationSource {
  /**
   * The header's value, or `undefined` when requests go out without one.
   *
   * @throws {@link TokenUnavailableError} when no token could be had; transient unless a setting has
   *   to change. The signal's reason when the caller gave up; others keep waiting undisturbed.
   */
  authorization(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /**
   * The archive answered 401 to this very value. It is not handed out again, where another can be
   * had; a value that has been replaced meanwhile is none of our business.
   */
  refused(authorization: string): void;
  /** Milliseconds since the epoch at which what we hold ends; `undefined` when nothing does. */
  readonly expiresAt: number | undefined;
  /** The same for when it was fetched; `undefined` for what was configured. */
  readonly obtainedAt: number | undefined;
  /** Ends what is under way. */
  close(): Promise<void>;
}

/** Requests go out as they are. */
export function noAuthorization(): AuthorizationSource {
  return fixedAuthorization(undefined);
}

/** A token somebody else obtained; sent until it is changed in the configuration. */
export function bearerAuthorization(token: string): AuthorizationSource {
  return fixedAuthorization(`Bearer ${token}`);
}

/** User name and password in UTF-8 (RFC 7617). The user name holds no colon. */
export function basicAuthorization(username: string, password: string): AuthorizationSource {
  const credentials = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
  return fixedAuthorization(`Basic ${credentials}`);
}

function fixedAuthorization(value: string | undefined): AuthorizationSource {
  return {
    authorization: ({ signal }) => {
      signal.throwIfAborted();
      return Promise.resolve(value);
    },
    refused: () => undefined,
    expiresAt: undefined,
    obtainedAt: undefined,
    close: () => Promise.resolve(),
  };
}
