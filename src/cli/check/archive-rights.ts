import { randomBytes } from 'node:crypto';
import { credentials, searchStudies, serviceUrl, wayTo } from './ask-archive.ts';
import { httpExchange } from './http-exchange.ts';
import type { PlainAnswer } from './http-exchange.ts';
import { failed, ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import { storeTestObject } from './store-test-object.ts';
import type { Upstream } from './world.ts';

const needs = ['archive.dns', 'archive.tcp', 'archive.tls', 'token'];
const noArchive = skipped('Objects stay in the embedded archive (DRAWBRIDGE_UPSTREAM_URL).');

/** Whether the archive answers a search (QIDO-RS). */
export const search: Probe = {
  id: 'archive.search',
  title: 'Search (QIDO)',
  needs,
  run: async ({ upstream }, signal) => {
    if (upstream === undefined) return noArchive;
    return judgeSearch(await searchStudies(upstream, '?limit=1', signal));
  },
};

/** Whether the archive lets us store (STOW-RS). */
export const store: Probe = {
  id: 'archive.store',
  title: 'Store (STOW)',
  needs,
  run: async (world, signal) => {
    if (world.upstream === undefined) return noArchive;
    return world.mayWrite
      ? storeTestObject(world, world.upstream, signal)
      : judgeStore(await offerNothing(world.upstream, signal));
  },
};

/**
 * A STOW-RS request without any object: who may not store is told so, and nothing is stored. Orthanc
 * 1.10 answers 200 with empty lists, others 400.
 */
async function offerNothing(upstream: Upstream, signal: AbortSignal): Promise<PlainAnswer> {
  const boundary = `drawbridge-${randomBytes(12).toString('hex')}`;
  return httpExchange(serviceUrl(upstream, upstream.archive.stowPath, ''), wayTo(upstream), {
    method: 'POST',
    headers: {
      'content-type': `multipart/related; type="application/dicom"; boundary="${boundary}"`,
      accept: 'application/dicom+json',
      ...(await credentials(upstream, signal)),
    },
    body: `--${boundary}--\r\n`,
    signal,
  });
}

function judgeSearch(answer: PlainAnswer): Finding {
  const { status, milliseconds, body } = answer;
  const facts = { status, milliseconds };
  if (status === 200 && isList(body)) {
    return ok(`The archive answers a search in ${milliseconds} ms.`, facts);
  }
  if (status === 204) {
    return ok(`The archive answers a search in ${milliseconds} ms; it shows us no study.`, facts);
  }
  if (status === 403) {
    return warning(
      `The archive knows us, but we may not search (HTTP 403${errorWord(answer)}); that is enough to deliver.`,
      'Allow our client to read (often the scope dicomweb.read, in DRAWBRIDGE_UPSTREAM_SCOPE), so that doubtful deliveries can be looked up.',
      facts,
    );
  }
  if (status === 200) {
    return failed(
      'The archive answers a search with something that is not DICOM JSON: a login page or another service.',
      'Check DRAWBRIDGE_UPSTREAM_URL: it is the DICOMweb root, such as https://pacs.example/dicom-web.',
      { ...facts, contentType: answer.headers['content-type'] ?? null },
    );
  }
  return refusal(answer, { what: 'search', pathVariable: 'DRAWBRIDGE_UPSTREAM_QIDO_PATH' });
}

function judgeStore(answer: PlainAnswer): Finding {
  const { status, milliseconds } = answer;
  const facts = { status, milliseconds, wrote: false };
  // Complaints about the request itself come after the question whether we may.
  if ((status >= 200 && status <= 299) || [400, 409, 422].includes(status)) {
    return ok(`We may store: an empty request was let through (HTTP ${status}).`, facts);
  }
  if (status === 403) {
    return failed(
      `The archive knows us, but we may not store (HTTP 403${errorWord(answer)}).`,
      'Allow our client to write (often the scope dicomweb.write, in DRAWBRIDGE_UPSTREAM_SCOPE).',
      facts,
    );
  }
  return refusal(answer, { what: 'store', pathVariable: 'DRAWBRIDGE_UPSTREAM_STOW_PATH' });
}

function refusal(
  answer: PlainAnswer,
  { what, pathVariable }: { readonly what: string; readonly pathVariable: string },
): Finding {
  const { status, milliseconds, headers } = answer;
  const facts = { status, milliseconds };
  if (status === 401) {
    return failed(
      `The archive does not accept our credentials (HTTP 401${errorWord(answer)}).`,
      'Compare issuer and audience of the token above with what the archive expects (DRAWBRIDGE_UPSTREAM_AUDIENCE, DRAWBRIDGE_UPSTREAM_RESOURCE), look at the clocks, and check DRAWBRIDGE_UPSTREAM_AUTH.',
      facts,
    );
  }
  if (status === 404 || status === 405) {
    return failed(
      `The archive has no ${what} service at this address (HTTP ${status}).`,
      `Check the path in DRAWBRIDGE_UPSTREAM_URL, or set ${pathVariable}.`,
      facts,
    );
  }
  if (status >= 300 && status <= 399) {
    return failed(
      `The archive sends us elsewhere (HTTP ${status} to ${hostOf(headers.location)}), which is never followed.`,
      'Set DRAWBRIDGE_UPSTREAM_URL to where it leads; if that is a login page, the archive wants other credentials (DRAWBRIDGE_UPSTREAM_AUTH).',
      facts,
    );
  }
  if (status >= 500) {
    return failed(
      `The archive, or what stands before it, cannot answer at the moment (HTTP ${status}).`,
      'Ask whoever runs it; objects wait in the spool meanwhile.',
      facts,
    );
  }
  return failed(
    `The archive answers HTTP ${status} when asked to ${what}.`,
    'Check DRAWBRIDGE_UPSTREAM_URL, and the log of the archive.',
    facts,
  );
}

/** The `error` of RFC 6750 §3.1, which may be shown; the description may quote anything. */
function errorWord({ headers }: PlainAnswer): string {
  const word = /\berror="?([a-z_]{3,40})"?/.exec(headers['www-authenticate'] ?? '')?.[1];
  return word === undefined ? '' : `, ${word}`;
}

function hostOf(location: string | undefined): string {
  return location !== undefined && URL.canParse(location) ? new URL(location).host : 'another path';
}

function isList(body: string | undefined): boolean {
  try {
    return Array.isArray(JSON.parse(body ?? ''));
  } catch {
    return false;
  }
}
