import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../peers/peer.ts';

/** A certificate for 127.0.0.1 that vouches for itself, and its key; made anew for every caller. */
export async function selfSignedCertificate(): Promise<{
  readonly key: string;
  readonly cert: string;
}> {
  const folder = await temporaryFolder('certificate');
  const keyFile = path.join(folder.path, 'key.pem');
  const certificateFile = path.join(folder.path, 'certificate.pem');
  try {
    await promisify(execFile)('openssl', [
      ...['req', '-x509', '-nodes', '-days', '1', '-subj', '/CN=drawbridge-test'],
      ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1'],
      ...['-keyout', keyFile, '-out', certificateFile],
    ]);
    const [key, cert] = await Promise.all(
      [keyFile, certificateFile].map((file) => readFile(file, 'utf8')),
    );
    if (key === undefined || cert === undefined) throw new Error('openssl wrote nothing');
    return { key, cert };
  } finally {
    await folder.remove();
  }
}
