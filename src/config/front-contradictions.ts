import { isLoopbackHost } from '../access/networks.ts';
import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import type { AccessValues } from './access-config.ts';
import type { FrontValues } from './front-config.ts';

/** What there is to judge by; a value that could not be parsed is missing, and told elsewhere. */
interface Evidence {
  readonly values: Partial<FrontValues & AccessValues>;
  /** Names somebody set, well or badly. */
  readonly given: ReadonlySet<string>;
}

/** Finds settings of the HTTP front that are right each for itself but not together. */
export function findFrontContradictions(evidence: Evidence): readonly ConfigurationProblem[] {
  return [
    ...halfOfAPair(evidence),
    ...tokensInClear(evidence),
    ...addressNobodyCanUse(evidence),
    ...publicAddressInClear(evidence),
    ...openToOthers(evidence),
    ...viewerClient(evidence),
  ];
}

const tlsPair = ['HTTP_TLS_CERT', 'HTTP_TLS_KEY'] as const;

function halfOfAPair({ given }: Evidence): readonly ConfigurationProblem[] {
  const present = tlsPair.find((name) => given.has(name));
  if (present === undefined) return [];
  return tlsPair
    .filter((name) => !given.has(name))
    .map((name) => problem(name, 'nothing', `a value, because ${full(present)} has one`));
}

/** Whoever can listen on the network could use what they hear until it expires. */
function tokensInClear({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const { HTTP_HOST: host, HTTP_ALLOW_PLAINTEXT: isAllowed } = values;
  if (host === undefined || isLoopbackHost(host) || isAllowed !== false || isOff(values)) return [];
  // Without tokens there is another problem, which has been told.
  if (values.HTTP_AUTH === 'none') return [];
  if ([...tlsPair, 'HTTP_TRUSTED_PROXIES'].some((name) => given.has(name))) return [];
  const accepts = `an address on loopback, because access tokens would travel unencrypted; or ${full('HTTP_TLS_CERT')} and ${full('HTTP_TLS_KEY')}, or ${full('HTTP_TRUSTED_PROXIES')}, or ${full('HTTP_ALLOW_PLAINTEXT')}=true`;
  return [problem('HTTP_HOST', host, accepts)];
}

/** Links in answers, and the audience of tokens, need an address that leads here. */
function addressNobodyCanUse({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const { HTTP_HOST: host = '' } = values;
  const isEverywhere = ['::', '0.0.0.0'].includes(host);
  if (!isEverywhere || given.has('HTTP_PUBLIC_URL') || isOff(values)) return [];
  const accepts = `the address clients use, because ${full('HTTP_HOST')} is ${host}`;
  return [problem('HTTP_PUBLIC_URL', 'nothing', accepts)];
}

function publicAddressInClear({ values }: Evidence): readonly ConfigurationProblem[] {
  const { HTTP_PUBLIC_URL: url, HTTP_ALLOW_PLAINTEXT: isAllowed } = values;
  if (url?.startsWith('http:') !== true || isAllowed !== false || isOnLoopback(url)) return [];
  const accepts = `an https: URL, because clients send access tokens there, or ${full('HTTP_ALLOW_PLAINTEXT')}=true`;
  return [problem('HTTP_PUBLIC_URL', url, accepts)];
}

/** Behind a proxy everybody seems to come from this machine. */
function openToOthers({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (values.HTTP_AUTH !== 'none') return [];
  const { HTTP_PUBLIC_URL: url } = values;
  const because = `because ${full('HTTP_AUTH')} is none`;
  return [
    ...(url === undefined || isOnLoopback(url)
      ? []
      : [problem('HTTP_PUBLIC_URL', url, `an address on loopback, ${because}`)]),
    ...(given.has('HTTP_TRUSTED_PROXIES')
      ? [problem('HTTP_TRUSTED_PROXIES', 'a value', `nothing, ${because}`)]
      : []),
  ];
}

function viewerClient({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (!given.has('VIEWER_CLIENT_ID')) return [];
  const { HTTP_AUTH: auth } = values;
  const missing = [
    ...(given.has('VIEWER_DIR') ? [] : [`${full('VIEWER_DIR')} has a value`]),
    ...(auth === undefined || (auth !== 'none' && auth.includes('oidc'))
      ? []
      : [`${full('HTTP_AUTH')} has oidc`]),
  ];
  if (missing.length === 0) return [];
  return [problem('VIEWER_CLIENT_ID', 'a value', `nothing unless ${missing.join(' and ')}`)];
}

function isOff(values: Evidence['values']): boolean {
  return values.HTTP_PORT === 'off';
}

function isOnLoopback(url: string): boolean {
  return isLoopbackHost(new URL(url).hostname);
}

function problem(name: keyof FrontValues, got: string, accepts: string): ConfigurationProblem {
  return { variable: full(name), got, accepts };
}

function full(name: string): string {
  return `DRAWBRIDGE_${name}`;
}
