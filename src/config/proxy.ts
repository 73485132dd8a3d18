import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import { maskedSecret } from './masked-secret.ts';
import { proxyUrl } from './value-schemas.ts';

/** The proxies on the way to the archive and to the token endpoint; their URLs may hold a secret. */
export interface ProxyConfig {
  /** Before `https:` destinations. */
  readonly https: string | undefined;
  /** Before `http:` destinations. */
  readonly http: string | undefined;
  /** As `NO_PROXY` has it. */
  readonly noProxy: string;
  /** A proxy of the whole machine is not meant for what runs on it; one of ours was asked for. */
  readonly sparesLoopback: boolean;
}

interface FoundProxies {
  readonly proxies: ProxyConfig | undefined;
  readonly problems: readonly ConfigurationProblem[];
  /** Nobody named the bridge when they were set, so it says that it heeds them. */
  readonly notes: readonly string[];
}

/**
 * `UPSTREAM_PROXY`, or else what other programs of this machine go by: `HTTPS_PROXY` for `https:`,
 * `HTTP_PROXY` for `http:`, `NO_PROXY` against both; written small they come first, as in curl.
 */
export function readProxies(
  environment: NodeJS.ProcessEnv,
  values: {
    readonly UPSTREAM_URL?: string | undefined;
    readonly UPSTREAM_PROXY?: string | undefined;
  },
): FoundProxies {
  const nothing = { proxies: undefined, problems: [], notes: [] };
  const { UPSTREAM_URL: archiveUrl, UPSTREAM_PROXY: own } = values;
  if (archiveUrl?.startsWith('http') !== true || own === 'off') return nothing;
  if (own !== undefined) {
    return { ...nothing, proxies: { https: own, http: own, noProxy: '', sparesLoopback: false } };
  }

  const https = fromEnvironment(environment, 'https_proxy');
  const http = fromEnvironment(environment, 'http_proxy');
  const noProxy = environment['no_proxy'] ?? environment['NO_PROXY'] ?? '';
  const found = [https, http].filter((each) => each !== undefined);
  if (found.length === 0) return nothing;
  return {
    proxies: { https: https?.url, http: http?.url, noProxy, sparesLoopback: true },
    problems: found
      .filter(({ url }) => url === undefined)
      .map(({ variable, text }) => ({
        variable,
        got: showProxy(text),
        accepts: 'http://… or https://… of a proxy, unless DRAWBRIDGE_UPSTREAM_PROXY has a value',
      })),
    notes: found.map(({ variable, text }) => `${variable} is heeded: ${showProxy(text)}`),
  };
}

function fromEnvironment(
  environment: NodeJS.ProcessEnv,
  name: 'https_proxy' | 'http_proxy',
):
  | { readonly variable: string; readonly text: string; readonly url: string | undefined }
  | undefined {
  const variable = environment[name] ? name : name.toUpperCase();
  const text = environment[variable] ?? '';
  if (text === '') return undefined;
  // Programs agree that a bare host:port is spoken to by http:.
  const url = proxyUrl.safeParse(text.includes('://') ? text : `http://${text}`).data;
  return { variable, text, url };
}

/** Without user and password: whatever stands before the last at sign. */
export function showProxy(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${maskedSecret}@`);
}
