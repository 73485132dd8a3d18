import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';

/** A DIMSE peer as it is given on the command line. */
export interface Destination {
  readonly calledAeTitle: AeTitle;
  readonly host: string;
  readonly port: number;
}

/**
 * Parses `AE@host:port`; an IPv6 address stands in brackets: `PACS@[2001:db8::1]:104`.
 *
 * @returns the peer, or `undefined` when the text is none.
 */
export function parseDestination(text: string): Destination | undefined {
  // An AE title may hold an @ itself, a host name may not.
  const [, title = '', bracketed, plain, portText = ''] =
    /^(.*)@(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\s@:[\]/]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const calledAeTitle = parseAeTitle(title);
  const host = bracketed ?? plain;
  const port = parsePort(portText);
  if (calledAeTitle === undefined || host === undefined || port === undefined) return undefined;
  return { calledAeTitle, host, port };
}

/** A port one can connect to. */
export function parsePort(text: string): number | undefined {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

/** What {@link parseDestination} reads. */
export function formatDestination({ calledAeTitle, host, port }: Destination): string {
  return `${calledAeTitle}@${host.includes(':') ? `[${host}]` : host}:${port}`;
}
