import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../peers/peer.ts';

const run = promisify(execFile);

/** PEM texts and the files they stand in. */
interface IssuedCertificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** What a certificate is for. */
interface CertificateRequest {
  readonly commonName?: string;
  /** As openssl has it: `IP:127.0.0.1,DNS:localhost`. */
  readonly altNames?: string;
  /** Negative: over since so many days. */
  readonly days?: number;
}

/** An authority of our own, made by openssl for one run; nothing of it is kept. */
export interface CertificateAuthority {
  readonly cert: string;
  readonly certFile: string;
  issue(request?: CertificateRequest): Promise<IssuedCertificate>;
  remove(): Promise<void>;
}

export async function createAuthority(
  commonName = 'Test Authority',
): Promise<CertificateAuthority> {
  const folder = await temporaryFolder('authority');
  const inFolder = (name: string): string => path.join(folder.path, name);
  const openssl = (...options: readonly string[]) => run('openssl', options, { cwd: folder.path });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    ...['req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2'],
    ...['-subj', `/CN=${commonName}`, '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  let count = 0;

  return {
    cert: await readFile(inFolder('ca.pem'), 'utf8'),
    certFile: inFolder('ca.pem'),
    async issue({ commonName: name = 'localhost', altNames = 'IP:127.0.0.1', days = 1 } = {}) {
      const id = `leaf${(count += 1)}`;
      await writeFile(inFolder(`${id}.ext`), `subjectAltName=${altNames}\n`);
      await openssl(
        ...['req', ...newKey, '-keyout', `${id}.key`, '-out', `${id}.csr`, '-subj', `/CN=${name}`],
      );
      await openssl(
        ...['x509', '-req', '-in', `${id}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
        ...['-CAcreateserial', '-out', `${id}.pem`, '-days', String(days)],
        ...['-extfile', `${id}.ext`],
      );
      const [certFile, keyFile] = [inFolder(`${id}.pem`), inFolder(`${id}.key`)];
      return {
        cert: await readFile(certFile, 'utf8'),
        key: await readFile(keyFile, 'utf8'),
        certFile,
        keyFile,
      };
    },
    remove: () => folder.remove(),
  };
}
