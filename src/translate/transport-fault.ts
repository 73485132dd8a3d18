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
  other: 'the connection failed',
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

function faultOfCode(link: object): TransportFault | undefined {
  const code = 'code' in link && typeof link.code === 'string' ? link.code : '';
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
