import { describe, expect, it } from 'vitest';
import { describeTransportFault, transportFaultOf } from '../../src/translate/transport-fault.ts';

const coded = (code: string): Error => Object.assign(new Error('for developers'), { code });

describe('transport faults', () => {
  it.each([
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['ECONNREFUSED', 'connect-refused'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect-timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls'],
    ['UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    ['UND_ERR_SOCKET', 'reset'],
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['HPE_INVALID_CONSTANT', 'protocol'],
    ['SOMETHING_NEW', 'other'],
  ] as const)('calls %s %s', (code, fault) => {
    expect(transportFaultOf(coded(code))).toBe(fault);
  });

  it('looks into what an error wraps', () => {
    const perAddress = new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]);

    expect(transportFaultOf(new TypeError('fetch failed', { cause: perAddress }))).toBe(
      'connect-refused',
    );
  });

  it('knows a deadline of ours, which has no code', () => {
    expect(transportFaultOf(new DOMException('late', 'TimeoutError'))).toBe('timeout');
  });

  it('comes to an end on errors that wrap each other, and on what is no error', () => {
    const circular: { cause?: unknown } = {};
    circular.cause = circular;

    expect([circular, undefined, null, 'text', 7].map(transportFaultOf)).toEqual(
      Array(5).fill('other'),
    );
  });

  it('says in words what happened, without a word of the error itself', () => {
    expect(describeTransportFault(transportFaultOf(coded('CERT_HAS_EXPIRED')))).toBe(
      'the TLS handshake failed, or its certificate is not trusted',
    );
  });
});
