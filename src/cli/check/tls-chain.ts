import { isIP } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { describeTransportError } from '../../translate/transport-fault.ts';
import { destinationOf, openSecureSocket, openSocket } from './open-way.ts';
import type { WayThere } from './open-way.ts';
import { failed, ok, warning } from './probe.ts';
import type { Finding } from './probe.ts';

const dayMs = 86_400_000;
const soonDays = 30;

/** Looks at the certificate a server shows, also at one that is not to be trusted. */
export async function lookAtTls(
  url: URL,
  way: WayThere,
  { variable, signal }: { readonly variable: string; readonly signal: AbortSignal },
): Promise<Finding> {
  if (url.protocol !== 'https:') {
    return ok('The way is not encrypted (http:), so there is no certificate.');
  }
  let shown: ShownCertificate;
  try {
    shown = await readCertificate(url, way, signal);
  } catch (error) {
    return failed(
      `No TLS connection to ${url.host}: ${describeTransportError(error)}.`,
      `Check that ${variable} has the right port and that it speaks https: there; where it asks for a certificate of ours, set DRAWBRIDGE_UPSTREAM_TLS_CERT and _KEY.`,
    );
  }
  const problem = problemOf(shown, { hostname: destinationOf(url).hostname, variable });
  if (problem !== undefined) return problem;
  // Seen without checking above; the check that counts is that of every connection.
  try {
    (await openSecureSocket(url, way, signal)).destroy();
  } catch (error) {
    return failed(
      `${shown.sentence} The connection fails all the same: ${describeTransportError(error)}.`,
      'Where the server asks for a certificate of ours, set DRAWBRIDGE_UPSTREAM_TLS_CERT and _KEY.',
      shown.facts,
    );
  }
  if (shown.daysLeft < soonDays) {
    return warning(
      `${shown.sentence} It ends in ${shown.daysLeft} days.`,
      'See that it is renewed in time; without it nothing is delivered.',
      shown.facts,
    );
  }
  return ok(`${shown.sentence} ${shown.daysLeft} days are left.`, shown.facts);
}

interface ShownCertificate {
  readonly certificate: DetailedPeerCertificate;
  /** What the chain did not pass, as OpenSSL names it. */
  readonly code: string | undefined;
  readonly daysLeft: number;
  readonly sentence: string;
  readonly facts: NonNullable<Finding['facts']>;
}

/** Nothing is sent on this connection, so nobody is trusted by not checking. */
async function readCertificate(
  url: URL,
  way: WayThere,
  signal: AbortSignal,
): Promise<ShownCertificate> {
  const { hostname } = destinationOf(url);
  const socket = connect({
    ...way.tls,
    socket: await openSocket(url, way, signal),
    host: hostname,
    ...(isIP(hostname) === 0 && { servername: hostname }),
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  });
  try {
    await once(socket, 'secureConnect', { signal });
    return describe(socket);
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

function describe(socket: TLSSocket): ShownCertificate {
  const certificate = socket.getPeerCertificate(true);
  const protocol = socket.getProtocol() ?? 'TLS';
  // Node's typings say Error; what stands there is its code.
  const code = socket.authorized ? undefined : String(socket.authorizationError);
  const [from, to] = [day(certificate.valid_from), day(certificate.valid_to)];
  const chain = chainOf(certificate);
  return {
    certificate,
    code,
    daysLeft: Math.floor((Date.parse(certificate.valid_to) - Date.now()) / dayMs),
    sentence: `${protocol}; certificate of ${chain[0] ?? '?'}, issued by ${chain[1] ?? nameOf(certificate.issuer)}, valid from ${from} to ${to}.`,
    facts: {
      protocol,
      subject: nameOf(certificate.subject),
      issuer: nameOf(certificate.issuer),
      names: certificate.subjectaltname ?? null,
      validFrom: from,
      validTo: to,
      chain,
    },
  };
}

function problemOf(
  { certificate, code, sentence, facts }: ShownCertificate,
  { hostname, variable }: { readonly hostname: string; readonly variable: string },
): Finding | undefined {
  if (Date.parse(certificate.valid_to) < Date.now()) {
    return failed(
      `The certificate has expired: ${sentence}`,
      'Whoever runs the server has to renew it; nothing is delivered before that.',
      { ...facts, problem: 'expired' },
    );
  }
  if (Date.parse(certificate.valid_from) > Date.now()) {
    return failed(
      `The certificate is not valid yet: ${sentence}`,
      'Look at the clock of this machine (timedatectl), or wait.',
      { ...facts, problem: 'not-yet-valid' },
    );
  }
  if (checkServerIdentity(hostname, certificate) !== undefined) {
    return failed(
      `The certificate is not for ${hostname}, but for ${certificate.subjectaltname ?? nameOf(certificate.subject)}. ${sentence}`,
      `Set ${variable} to a name that the certificate has, or let the server show another one.`,
      { ...facts, problem: 'other-host' },
    );
  }
  if (code === undefined) return undefined;
  const isSelfSigned = code === 'DEPTH_ZERO_SELF_SIGNED_CERT';
  return failed(
    isSelfSigned
      ? `The certificate vouches for itself and nobody else does: ${sentence}`
      : `The authority of the certificate is not trusted here (${code}): ${sentence}`,
    isSelfSigned
      ? 'Set DRAWBRIDGE_UPSTREAM_TLS_CA to a PEM file with this very certificate.'
      : 'Set DRAWBRIDGE_UPSTREAM_TLS_CA to a PEM file with that authority; a server may also have forgotten to send its intermediate certificates.',
    { ...facts, problem: 'unknown-authority', code },
  );
}

/** From the server's own up to the root, as far as they are known. */
function chainOf(leaf: DetailedPeerCertificate): readonly string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  // Node says that an issuer is always there; where the chain is not whole, there is none.
  let link = leaf as DetailedPeerCertificate | undefined;
  while (link !== undefined && !seen.has(link.fingerprint256)) {
    seen.add(link.fingerprint256);
    names.push(nameOf(link.subject));
    link = link.issuerCertificate;
  }
  return names;
}

/** Typings promise one value each; a certificate may have several or none. */
function nameOf(name: DetailedPeerCertificate['subject']): string {
  const fields = name as unknown as Partial<Record<'CN' | 'O', string | readonly string[]>>;
  return String(fields.CN ?? fields.O ?? 'nobody');
}

function day(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toISOString().slice(0, 10);
}
