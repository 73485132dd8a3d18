import type { World } from './world.ts';

/** How a probe ended; `skipped` says nothing about what it is about. */
export type Outcome = 'ok' | 'warning' | 'failed' | 'skipped';

/** What one probe found out. Every text is fit to be shown: no secret, no token, no patient data. */
export interface Finding {
  readonly outcome: Outcome;
  /** A sentence of facts. */
  readonly found: string;
  /** A sentence that says what to do and names the setting. */
  readonly advice?: string;
  /** The same for programs. */
  readonly facts?: Readonly<Record<string, FactValue>>;
}

export type FactValue = string | number | boolean | null | readonly (string | number)[];

/** One question to the live world. */
export interface Probe {
  /** Stable; scripts know probes by it. */
  readonly id: string;
  /** Two or three words for people. */
  readonly title: string;
  /** Whom it asks, where several probes have the same title. */
  readonly about?: string;
  /** Probes it makes no sense without; where one of them did not pass, it is skipped. */
  readonly needs?: readonly string[];
  /** @param signal - aborted when its time is up. */
  run(world: World, signal: AbortSignal): Promise<Finding>;
}

type Facts = Finding['facts'];

export function ok(found: string, facts?: Facts): Finding {
  return { outcome: 'ok', found, ...(facts && { facts }) };
}

export function warning(found: string, advice: string, facts?: Facts): Finding {
  return { outcome: 'warning', found, advice, ...(facts && { facts }) };
}

export function failed(found: string, advice: string, facts?: Facts): Finding {
  return { outcome: 'failed', found, advice, ...(facts && { facts }) };
}

export function skipped(found: string): Finding {
  return { outcome: 'skipped', found };
}
