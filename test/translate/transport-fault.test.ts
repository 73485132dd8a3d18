import { describe, expect, it } from 'vitest';
import {
  describeTransportError,
  describeTransportFault,
  transportFaultOf,
} from '../../src/translate/transport-fault.ts';

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

  it.each([
    ['CERT_HAS_EXPIRED', 'its certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another host name'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'it refuses our certificate, or misses one'],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', 'it refuses our certificate, or misses one'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'it refuses our certificate, or misses one'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', 'it refuses our certificate, or misses one'],
    ['ERR_SSL_SOMETHING_NEW', 'the TLS handshake failed, or its certificate is not trusted'],
    ['ECONNREFUSED', 'nothing listens on its address and port'],
  ])('says of %s what an operator can look at', (code, sentence) => {
    expect(describeTransportError(new Error('outer', { cause: coded(code) }))).toBe(sentence);
  });

  it('keeps a fault of the proxy apart from one of what lies behind it', () => {
    const behind = Object.assign(coded('PROXY_UNREACHABLE'), { cause: coded('ECONNRESET') });
    const refused = Object.assign(coded('PROXY_REFUSED'), { status: 403 });

    expect([behind, refused].map(transportFaultOf)).toEqual(['proxy-unreachable', 'proxy-refused']);
    expect([behind, refused].map(describeTransportError)).toEqual([
      'the proxy on the way cannot be used: the connection broke',
      'the proxy on the way does not let us through to it (HTTP 403)',
    ]);
  });
});
