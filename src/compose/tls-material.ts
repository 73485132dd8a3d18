import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { DicomwebArchiveConfig } from '../config/config.ts';
import type { FrontConfig } from '../config/front-config.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import type { ServerCertificate } from '../http/http-listener.ts';

/** PEM texts for the way to the archive and to the token endpoint. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws {@link ConfigurationError} naming the file that will not do. */
export async function readTlsMaterial({ tls }: DicomwebArchiveConfig): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([
    readPem(tls.caFile, 'UPSTREAM_TLS_CA', isCertificate),
    readPem(tls.certFile, 'UPSTREAM_TLS_CERT', isCertificate),
    readPem(tls.keyFile, 'UPSTREAM_TLS_KEY', isKey),
  ]);
  const material = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
  if (!passes(() => createSecureContext(material))) {
    throw unusableFile('UPSTREAM_TLS_KEY', tls.keyFile, 'the key of DRAWBRIDGE_UPSTREAM_TLS_CERT');
  }
  return material;
}

/**
 * What the HTTP front shows of itself.
 *
 * @throws {@link ConfigurationError} naming the file that will not do.
 */
export async function readTlsIdentity({
  certFile,
  keyFile,
}: NonNullable<FrontConfig['tls']>): Promise<ServerCertificate> {
  const [cert, key] = await Promise.all([
    readPem(certFile, 'HTTP_TLS_CERT', isCertificate),
    readPem(keyFile, 'HTTP_TLS_KEY', isKey),
  ]);
  if (passes(() => createSecureContext({ cert, key }))) return { cert, key };
  throw unusableFile('HTTP_TLS_KEY', keyFile, 'the key of DRAWBRIDGE_HTTP_TLS_CERT');
}

/** Read and looked at before it is used: later it would fail every connection, and say less. */
async function readPem<File extends string | undefined>(
  file: File,
  name: TlsVariable,
  isUsable: (pem: string) => boolean,
): Promise<File> {
  if (file === undefined) return file;
  const pem = await readFile(file, 'utf8').catch(() => undefined);
  if (pem === undefined) throw unusableFile(name, file, 'a readable PEM file');
  if (isUsable(pem)) return pem as File;
  const accepts = name.endsWith('_KEY') ? 'a key without passphrase' : 'a certificate';
  throw unusableFile(name, file, `a PEM file that holds ${accepts}`);
}

type TlsVariable =
  'UPSTREAM_TLS_CA' | 'UPSTREAM_TLS_CERT' | 'UPSTREAM_TLS_KEY' | 'HTTP_TLS_CERT' | 'HTTP_TLS_KEY';

function unusableFile(
  name: TlsVariable,
  file: string | undefined,
  accepts: string,
): ConfigurationError {
  return new ConfigurationError([
    { variable: `DRAWBRIDGE_${name}`, got: file ?? 'nothing', accepts },
  ]);
}

const isCertificate = (pem: string): boolean => passes(() => new X509Certificate(pem));
const isKey = (pem: string): boolean => passes(() => createPrivateKey(pem));

function passes(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}
