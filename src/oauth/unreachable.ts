import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { describeTransportError, transportFaultOf } from '../translate/transport-fault.ts';

/**
 * No answer came at all.
 *
 * @param who - such as "the token server".
 * @param variable - where its address is set, which is what to check unless a proxy is to blame.
 */
export function unreachable(who: string, variable: string, cause: unknown): TokenUnavailableError {
  const check = transportFaultOf(cause).startsWith('proxy-')
    ? 'DRAWBRIDGE_UPSTREAM_PROXY, or HTTPS_PROXY and NO_PROXY of this machine'
    : variable;
  return new TokenUnavailableError(
    `${who} cannot be reached: ${describeTransportError(cause)}; check ${check}`,
    { transient: true, cause },
  );
}
