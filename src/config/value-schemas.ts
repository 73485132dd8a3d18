import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { anyNetwork, localNetworks, parseNetwork } from '../access/networks.ts';
import type { Network } from '../access/networks.ts';
import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { parseDuration } from './duration.ts';
import { parseSize } from './size.ts';
import { parseUploadRate } from './upload-rate.ts';
import type { UploadRate } from './upload-rate.ts';
import { parsedBy } from './variable.ts';

export const aeTitle: z.ZodType<AeTitle, string> = parsedBy(parseAeTitle);

export const aeTitles: z.ZodType<readonly AeTitle[], string> = listOf(parseAeTitle);

/** Values of VR CS (PS3.5 §6.2): up to 16 capitals, digits, spaces and underscores. */
export const codeStrings: z.ZodType<readonly string[], string> = listOf((text) =>
  /^[A-Z0-9_][A-Z0-9_ ]{0,15}$/.test(text) ? text : undefined,
);

export const trueOrFalse: z.ZodType<boolean, string> = parsedBy((text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
);

export function integer({ min, max }: { readonly min: number; readonly max: number }) {
  return parsedBy((text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

/** A TCP port; 0 lets the system choose one; `off` opens none. */
export const portOrOff: z.ZodType<number | 'off', string> = parsedBy((text) => {
  if (text === 'off') return 'off';
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : NaN;
  return port <= 65535 ? port : undefined;
});

/** An address or a host name (RFC 1123 §2.1), to listen on. */
export const host: z.ZodType<string, string> = parsedBy((text) => {
  const isName = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*$/i.test(text);
  return isName || (parseNetwork(text) !== undefined && !text.includes('/')) ? text : undefined;
});

export function duration({ min, max }: { readonly min: number; readonly max?: number }) {
  return parsedBy((text) => {
    const value = parseDuration(text);
    return value !== undefined && value >= min && value <= (max ?? Infinity) ? value : undefined;
  });
}

export function size({ min, max }: { readonly min: number; readonly max?: number }) {
  return parsedBy((text) => {
    const value = parseSize(text);
    return value !== undefined && value >= min && value <= (max ?? Infinity) ? value : undefined;
  });
}

export const uploadRate: z.ZodType<UploadRate, string> = parsedBy(parseUploadRate);

/** Networks in CIDR notation; `local` and `any` stand for the lists of those names. */
export const networks: z.ZodType<readonly Network[], string> = parsedBy((text) => {
  const found = text.split(',').map((part) => namedNetworks(part.trim()));
  return found.every((list) => list !== undefined) ? found.flat() : undefined;
});

function namedNetworks(text: string): readonly Network[] | undefined {
  if (text === 'local') return localNetworks;
  if (text === 'any') return anyNetwork;
  const network = parseNetwork(text);
  return network === undefined ? undefined : [network];
}

export function oneOf<const T extends string>(
  ...words: readonly [T, ...T[]]
): z.ZodType<T, string> {
  return parsedBy((text) => words.find((word) => word === text));
}

/** Text that can stand in a header or a form: no control characters, not blank. */
export const text: z.ZodType<string, string> = z
  .string()
  .min(1)
  .regex(/^[^\p{Cc}]*$/u)
  .regex(/\S/);

/** A user name of the Basic scheme, in which the first colon ends it (RFC 7617 §2). */
export const userName: z.ZodType<string, string> = parsedBy((name) =>
  name.includes(':') ? undefined : text.safeParse(name).data,
);

/** What may follow `Bearer` (RFC 6750 §2.1). */
export const bearerToken: z.ZodType<string, string> = z.string().regex(/^[A-Za-z0-9\-._~+/]+=*$/);

/** A path of this machine; a NUL would make the system calls throw. */
export const path: z.ZodType<string, string> = z
  .string()
  .min(1)
  .regex(/^[^\0]+$/);

/** The path of a service below the archive's URL: `dicom-web/rs`, with or without slashes around. */
export const urlPath: z.ZodType<string, string> = parsedBy((text) =>
  /^[A-Za-z0-9\-._~/]+$/.test(text) && !/(?:^|\/)\.{1,2}(?:\/|$)/.test(text)
    ? text.replace(/^\/+|\/+$/g, '')
    : undefined,
);

/** A token endpoint: an http: or https: URL that may have a query but no fragment (RFC 6749 §3.2). */
export const tokenUrl: z.ZodType<string, string> = parsedBy((text) => parseHttpUrl(text)?.href);

/** An issuer, as it stands: tokens and metadata name it to the character (RFC 8414 §2). */
export const issuer: z.ZodType<string, string> = parsedBy((text) =>
  /[?#\s]/.test(text) || parseHttpUrl(text) === undefined ? undefined : text,
);

/** A web origin (RFC 6454 §4) as a URL: nothing behind host and port. */
export const origin: z.ZodType<string, string> = parsedBy(parseOrigin);

export const origins: z.ZodType<readonly string[], string> = listOf(parseOrigin);

function parseOrigin(text: string): string | undefined {
  const url = parseHttpUrl(text);
  return url !== undefined && /^[^/]+\/\/[^/?\s\\]+\/?$/.test(text) ? url.origin : undefined;
}

/** What the HTTP front has besides DICOMweb. */
const otherResources = ['health', 'docs', 'openapi.json', 'wado', 'app-config.js', '.well-known'];

/** Where a service begins on the HTTP front: `/dicom-web`, never the whole of it. */
export const frontPath: z.ZodType<string, string> = parsedBy((text) => {
  const segments = text.split('/').slice(1);
  const isPath =
    /^(?:\/[A-Za-z0-9\-._~]+)+$/.test(text) && !segments.some((s) => /^\.{1,2}$/.test(s));
  return isPath && !otherResources.includes(segments[0] ?? '') ? text : undefined;
});

/** A private key as text, looked into by those who know keys. */
export const keyText: z.ZodType<string, string> = z
  .string()
  .regex(/^\s*\{[^]*\}\s*$|-----BEGIN [A-Z ]*PRIVATE KEY-----/);

/** The archive: a DICOMweb root without query, its trailing slash dropped, or a folder as file: URL. */
export const archiveUrl: z.ZodType<string, string> = parsedBy((text) => {
  if (/[?#]/.test(text)) return undefined;
  return isFolderUrl(text) ? text : parseHttpUrl(text)?.href.replace(/\/+$/, '');
});

/** A proxy that is spoken to by http: or https:, with user and password where it wants them. */
export const proxyUrl: z.ZodType<string, string> = parsedBy((text) => parseProxyUrl(text)?.href);

/** The same, or `off`. */
export const proxyUrlOrOff: z.ZodType<string, string> = parsedBy((text) =>
  text === 'off' ? 'off' : parseProxyUrl(text)?.href,
);

function parseProxyUrl(text: string): URL | undefined {
  if (!/^https?:\/\/[^\s\\]+$/i.test(text) || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const isBare = url.pathname === '/' && url.search === '' && url.hash === '';
  return isBare && isDecodable(url.username + url.password) ? url : undefined;
}

function isDecodable(escaped: string): boolean {
  try {
    // Control characters would end up in a header (RFC 7617 §2).
    return !/\p{Cc}/u.test(decodeURIComponent(escaped));
  } catch {
    return false;
  }
}

function isFolderUrl(text: string): boolean {
  try {
    return text.startsWith('file:///') && path.safeParse(fileURLToPath(text)).success;
  } catch {
    return false; // %2F and broken escapes
  }
}

function parseHttpUrl(text: string): URL | undefined {
  if (!/^https?:\/\//i.test(text) || text.includes('#') || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.username === '' && url.password === '' ? url : undefined;
}

/** Separated by commas, spaces around them allowed; one that will not do spoils the list. */
export function listOf<T>(parse: (text: string) => T | undefined): z.ZodType<readonly T[], string> {
  return parsedBy((text) => {
    const found = text.split(',').map((part) => parse(part.trim()));
    return found.every((item) => item !== undefined) ? found : undefined;
  });
}
