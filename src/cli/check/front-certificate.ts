import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { readTlsIdentity } from '../../compose/tls-material.ts';
import type { FrontConfig } from '../../config/front-config.ts';
import { ConfigurationError } from '../../errors/configuration-error.ts';
import { failed, ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';

const dayMs = 86_400_000;
const soonDays = 30;

/** What the HTTP front shows to its clients. */
export const frontCertificate: Probe = {
  id: 'http.certificate',
  title: 'HTTP certificate',
  run: ({ config: { http }, now }) => lookAtFiles(http, now()),
};

async function lookAtFiles(http: FrontConfig, nowMs: number): Promise<Finding> {
  const { tls, publicUrl, host } = http;
  if (tls === undefined) return skipped('DRAWBRIDGE_HTTP_TLS_CERT is not set: HTTP without TLS.');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate((await readTlsIdentity(tls)).cert);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const { variable = '', got = '', accepts = '' } = error.problems[0] ?? {};
    return failed(`${got} is not ${accepts}.`, `Set ${variable} to what is.`);
  }
  const { validFrom, validTo, subjectAltName = '' } = certificate;
  const daysLeft = Math.floor((Date.parse(validTo) - nowMs) / dayMs);
  const facts = { validTo: new Date(validTo).toISOString(), daysLeft, names: subjectAltName };
  const renew = 'Put a new one there: a bridge that runs finds it by itself.';
  if (Date.parse(validFrom) > nowMs) {
    return failed('The certificate is not valid yet.', 'Look at the clock of this machine.', facts);
  }
  if (daysLeft < 0) return failed('The certificate has expired.', renew, facts);
  const name = publicUrl === undefined ? host : new URL(publicUrl).hostname;
  if (!isFor(certificate, name)) {
    return failed(
      `The certificate is for ${subjectAltName || 'nobody by name'}, and clients come to ${name}.`,
      'Set DRAWBRIDGE_HTTP_PUBLIC_URL to the address clients use, or get a certificate for it.',
      facts,
    );
  }
  const sentence = `The certificate is for ${name}, and good for ${daysLeft} days.`;
  return daysLeft < soonDays ? warning(sentence, renew, facts) : ok(sentence, facts);
}

function isFor(certificate: X509Certificate, name: string): boolean {
  const bare = name.replace(/^\[(.*)\]$/, '$1');
  const found = isIP(bare) === 0 ? certificate.checkHost(bare) : certificate.checkIP(bare);
  return found !== undefined;
}
