import { metricDefinitions } from '../../src/telemetry/metric-definitions.ts';
import type { MetricDefinition } from '../../src/telemetry/metric-definitions.ts';

/** The reference of docs/metrics.md in Markdown, straight from the definitions. */
export function metricsTable(): string {
  const definitions = Object.entries<MetricDefinition>(metricDefinitions);
  return [
    '| metric | type | labels | what it tells |',
    '| --- | --- | --- | --- |',
    ...definitions.map(([name, { type, labels = {}, help }]) =>
      row([`\`${name}\``, type, labelsOf(labels), help]),
    ),
  ].join('\n');
}

/** Which of them are worth waking somebody. */
export function alertsTable(): string {
  const definitions = Object.entries<MetricDefinition>(metricDefinitions);
  return [
    '| metric | tell somebody when |',
    '| --- | --- |',
    ...definitions.flatMap(([name, { alert }]) =>
      alert === undefined ? [] : [row([`\`${name}\``, alert])],
    ),
  ].join('\n');
}

function labelsOf(labels: NonNullable<MetricDefinition['labels']>): string {
  return Object.entries(labels)
    .map(([label, values]) => {
      const known = typeof values === 'string' ? values : values.map((v) => `\`${v}\``).join(', ');
      return `\`${label}\`: ${known}`;
    })
    .join('; ');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
