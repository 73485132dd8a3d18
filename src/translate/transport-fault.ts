/** Why a connection carried no answer, in the words an operator needs. */
export type TransportFault =
  | 'dns'
  | 'connect-refused'
  | 'connect-timeout'
  | 'unreachable'
  | 'tls'
  | 'timeout'
  | 'reset'
  | 'protocol'
  | 'proxy-unreachable'
  | 'proxy-credentials'
  | 'proxy-refused'
  | 'proxy-without-route'
  | 'other';

const byCode: Readonly<Record<string, TransportFault>> = {
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  ECONNREFUSED: 'connect-refused',
  UND_ERR_CONNECT_TIMEOUT: 'connect-timeout',
  ETIMEDOUT: 'connect-timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  EPROTO: 'tls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
  UNABLE_TO_GET_ISSUER_CERT: 'tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
  HOSTNAME_MISMATCH: 'tls',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'protocol',
  PROXY_UNREACHABLE: 'proxy-unreachable',
  PROXY_CREDENTIALS_REFUSED: 'proxy-credentials',
  PROXY_REFUSED: 'proxy-refused',
  PROXY_WITHOUT_ROUTE: 'proxy-without-route',
};

const byPrefix: readonly (readonly [prefix: string, fault: TransportFault])[] = [
  ['ERR_TLS_', 'tls'],
  ['ERR_SSL_', 'tls'],
  ['CERT_', 'tls'],
  ['CRL_', 'tls'],
  ['HPE_', 'protocol'],
];

const sentences: Readonly<Record<TransportFault, string>> = {
  dns: 'its host name cannot be resolved',
  'connect-refused': 'nothing listens on its address and port',
  'connect-timeout': 'its address does not answer',
  unreachable: 'there is no route to its address',
  tls: 'the TLS handshake failed, or its certificate is not trusted',
  timeout: 'it stopped answering',
  reset: 'the connection broke',
  protocol: 'what it sends is not HTTP/1.1',
  'proxy-unreachable': 'the proxy on the way does not answer as it should',
  'proxy-credentials': 'the proxy on the way wants other credentials (HTTP 407)',
  'proxy-refused': 'the proxy on the way does not let us through to it',
  'proxy-without-route': 'the proxy on the way cannot reach it',
  other: 'the connection failed',
};

const untrusted = 'its certificate comes from an authority that is not trusted here';
const ownCertificateRefused = 'it refuses our certificate, or misses one';

/** What an operator can do something about, in place of the sentence for all of TLS. */
const tlsSentences: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet, or the clock here is wrong',
  CERT_REVOKED: 'its certificate has been revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name',
  HOSTNAME_MISMATCH: 'its certificate is for another host name',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ownCertificateRefused,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ownCertificateRefused,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: ownCertificateRefused,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ownCertificateRefused,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: ownCertificateRefused,
  // The same alerts, as OpenSSL 3.5 (Node 24) has them.
  'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': ownCertificateRefused,
  'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED': ownCertificateRefused,
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': ownCertificateRefused,
};

/**
 * Finds the class of a network error by its stable code; the text of such errors holds addresses
 * and is written for developers. Wrapped errors (`cause`, `errors`) are looked into.
 */
export function transportFaultOf(error: unknown): TransportFault {
  for (const link of chainOf(error)) {
    const fault = faultOfCode(link);
    if (fault !== undefined) return fault;
  }
  return 'other';
}

/** The rest of a sentence that begins with who failed: "the archive: its host name …". */
export function describeTransportFault(fault: TransportFault): string {
  return sentences[fault];
}

/**
 * The same for an error, and closer to what is the matter: which check a certificate failed, what
 * kept us from the proxy, and what the proxy said.
 */
export function describeTransportError(error: unknown): string {
  const chain = chainOf(error);
  const fault = transportFaultOf(error);
  if (fault === 'tls') {
    const known = chain
      .map((link) => tlsSentences[codeOf(link)])
      .find((text) => text !== undefined);
    return known ?? sentences.tls;
  }
  const proxyError = chain.find((link) => codeOf(link).startsWith('PROXY_'));
  if (proxyError === undefined) return sentences[fault];
  if (fault === 'proxy-unreachable' && 'cause' in proxyError) {
    return `the proxy on the way cannot be used: ${describeTransportError(proxyError.cause)}`;
  }
  const hasStatus = 'status' in proxyError && typeof proxyError.status === 'number';
  return hasStatus && fault !== 'proxy-credentials'
    ? `${sentences[fault]} (HTTP ${String(proxyError.status)})`
    : sentences[fault];
}

function codeOf(link: object): string {
  return 'code' in link && typeof link.code === 'string' ? link.code : '';
}

function faultOfCode(link: object): TransportFault | undefined {
  const code = codeOf(link);
  if ('name' in link && link.name === 'TimeoutError') return 'timeout';
  return byCode[code] ?? byPrefix.find(([prefix]) => code.startsWith(prefix))?.[1];
}

/** The error and what it wraps; bounded, because a chain may be circular. */
function chainOf(error: unknown): readonly object[] {
  const chain: object[] = [];
  const waiting: unknown[] = [error];
  while (waiting.length > 0 && chain.length < 16) {
    const link = waiting.shift();
    if (typeof link !== 'object' || link === null) continue;
    chain.push(link);
    if ('cause' in link) waiting.push(link.cause);
    if ('errors' in link && Array.isArray(link.errors)) waiting.push(...(link.errors as unknown[]));
  }
  return chain;
}
