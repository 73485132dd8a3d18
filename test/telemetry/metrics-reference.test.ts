import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBridge } from '../../src/bridge.ts';
import type { Bridge } from '../../src/bridge.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { AssociationOutcome, ListenerEvents } from '../../src/dimse/listener.ts';
import type { BreakerState } from '../../src/flows/destination-pace.ts';
import { tokenRefusals } from '../../src/access/token-refusals.ts';
import { metricDefinitions } from '../../src/telemetry/metric-definitions.ts';
import type { MetricDefinition } from '../../src/telemetry/metric-definitions.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import type { DeliveryFault } from '../../src/translate/stow-verdict.ts';
import { alertsTable, metricsTable } from './metrics-table.ts';

const reference = new URL('../../docs/metrics.md', import.meta.url);
const begin =
  '<!-- reference: made from src/telemetry; `npx vitest run test/telemetry -u` writes it anew -->';
const end = '<!-- /reference -->';

let folder: string;
let bridge: Bridge;
let scrape: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-metrics-'));
  const off = { DRAWBRIDGE_DIMSE_PORT: 'off', DRAWBRIDGE_HTTP_PORT: 'off' };
  const environment = { ...off, DRAWBRIDGE_OPS_PORT: '0', DRAWBRIDGE_DATA_DIR: folder };
  const { config } = loadConfig(environment, { readFile: () => '' });
  bridge = await startBridge(config, silentLogger);
  const url = `http://127.0.0.1:${bridge.ports.operations}/metrics`;
  scrape = await (await fetch(url)).text();
});
afterAll(async () => {
  await bridge.stop();
  await rm(folder, { recursive: true });
});

describe('docs/metrics.md', () => {
  it('holds the reference made from the definitions', async () => {
    const text = await readFile(reference, 'utf8');
    const [before, rest] = text.split(begin);
    const after = rest?.split(end)[1];
    if (before === undefined || after === undefined) throw new Error('the marks are gone');

    await expect(
      `${before}${begin}\n\n${metricsTable()}\n\n## Alerts\n\n${alertsTable()}\n\n${end}${after}`,
    ).toMatchFileSnapshot(reference.pathname);
  });

  it('names with its type every metric a running bridge shows, and no other', () => {
    const rows = metricsTable().matchAll(
      /^\| `(drawbridge_\w+)` \| (counter|gauge|histogram) \|/gm,
    );
    const shown = scrape.matchAll(/^# TYPE (drawbridge_\w+) (\w+)$/gm);

    const documented = Array.from(rows, ([, name, type]) => `${name} ${type}`);
    expect(documented).not.toHaveLength(0);
    expect(Array.from(shown, ([, name, type]) => `${name} ${type}`).sort()).toEqual(
      documented.sort(),
    );
  });

  it('has the words of the help lines', () => {
    for (const [, name = '', help = ''] of scrape.matchAll(/^# HELP (drawbridge_\w+) (.*)$/gm)) {
      expect(metricsTable()).toContain(`| \`${name}\` |`);
      expect(metricsTable()).toContain(`| ${help} |`);
    }
  });

  it('calls the metrics of the process by their prefixes', () => {
    const others = Array.from(scrape.matchAll(/^# TYPE (\w+) /gm), ([, name]) => name)
      .filter((name) => name?.startsWith('drawbridge_') === false)
      .filter((name) => !/^(?:process|nodejs)_/.test(name ?? ''));

    expect(others).toEqual([]);
  });

  it('warns of things that exist', () => {
    const names = Object.keys(metricDefinitions);
    const mentioned = alertsTable().match(/drawbridge_\w+/g) ?? [];

    expect(mentioned.length).toBeGreaterThan(4);
    expect(mentioned.filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe('a metric', () => {
  const definitions = Object.entries<MetricDefinition>(metricDefinitions);

  it.each(definitions)('%s is named after the conventions of Prometheus', (name, { type }) => {
    expect(name).toMatch(/^drawbridge_[a-z]+(?:_[a-z]+)*$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(?:ms|millis|milliseconds|kb|mb|mib|percent|count|sum|bucket)$/);
    if (type === 'histogram') expect(name).toMatch(/_(?:seconds|bytes)$/);
  });

  it('has every label a journey uses, with every value there is', () => {
    const everyRefusal: Record<Parameters<ListenerEvents['associationRefused']>[0], true> = {
      protocol: true,
      network: true,
      'calling-ae-title': true,
      'called-ae-title': true,
      'too-many': true,
      'too-many-of-peer': true,
      'no-association': true,
      'too-many-connections': true,
    };
    const everyOutcome: Record<AssociationOutcome, true> = {
      released: true,
      aborted: true,
      lost: true,
      failed: true,
    };
    const everyState: Record<BreakerState, true> = {
      closed: true,
      open: true,
      'half-open': true,
      held: true,
    };
    const {
      drawbridge_association_refusals_total: refusals,
      drawbridge_associations_total: associations,
      drawbridge_breaker_state: breaker,
      drawbridge_http_authentication_failures_total: authenticationFailures,
    } = metricDefinitions;

    expect(Object.keys(everyRefusal)).toEqual(refusals.labels.reason);
    expect(Object.keys(everyOutcome)).toEqual(associations.labels.outcome);
    expect(Object.keys(everyState)).toEqual(breaker.labels.state);
    expect(tokenRefusals).toEqual(authenticationFailures.labels.reason);
  });

  it('tells the faults of the way apart, each by its documented word', () => {
    const everyFault: Record<DeliveryFault, true> = {
      dns: true,
      'connect-refused': true,
      'connect-timeout': true,
      unreachable: true,
      tls: true,
      timeout: true,
      reset: true,
      protocol: true,
      'proxy-unreachable': true,
      'proxy-credentials': true,
      'proxy-refused': true,
      'proxy-without-route': true,
      other: true,
      token: true,
      'not-there': true,
    };
    const { outcome } = metricDefinitions.drawbridge_delivery_attempts_total.labels;

    for (const fault of Object.keys(everyFault)) expect(outcome).toContain(`\`${fault}\``);
  });
});
