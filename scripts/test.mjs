// npm test: installs what is missing, then checks and every test.
//   --large   the tests that move gigabytes
//   --storm   the long fault storms alone; --seeds 100 of them, beginning with --seed 7
// Anything else goes to vitest (a file name, -t "name").
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensureBuilt,
  ensureInstalled,
  exitCodeOf,
  requireSupportedNode,
  root,
  say,
} from './bootstrap.mjs';
import { ensureDebianPackages } from '../test/peers/debian-packages.mjs';

requireSupportedNode();
const args = process.argv.slice(2);
const seeds = { STORM_SEEDS: takeNumber('--seeds', '1'), STORM_SEED: takeNumber('--seed', '1') };
const suite = args.includes('--large') ? 'large' : args.includes('--storm') ? 'storm' : 'default';
const forVitest = args.filter((arg) => arg !== '--large' && arg !== '--storm');
// Nothing else is different in a storm.
if (suite === 'storm' && forVitest.length === 0) forVitest.push('storm.test');
await ensureInstalled();
if (!ensureDebianPackages({ say })) process.exit(1);
await ensureBuilt();

let failedChecks = 0;
if (suite === 'default' && forVitest.length === 0) {
  say('checks: format, lint, types, boundaries, unused code');
  failedChecks = (await exitCodeOf('npm', ['run', '--silent', 'check'])) === 0 ? 0 : 1;
}
const report = join(root, 'node_modules', `.test-report-${process.pid}.json`);
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const code = await exitCodeOf(
  process.execPath,
  [
    vitest,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...forVitest,
  ],
  { env: { ...process.env, ...seeds, TEST_SUITE: suite } },
);
const result = JSON.parse(await readFile(report, 'utf8').catch(() => '{}'));
await rm(report, { force: true });

const passed = result.numPassedTests ?? 0;
const failedFiles = (result.testResults ?? []).filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
).length;
let failed = (result.numFailedTests ?? 0) + failedFiles + failedChecks;
// A run that broke without naming a test (an unhandled rejection, a crashed worker) is no success.
if (failed === 0 && (code !== 0 || passed === 0)) failed = 1;
const skipped = (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0);
if (failedChecks > 0) say('npm run check found faults; they count as one failure');
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 ? 0 : 1);

function takeNumber(name, byDefault) {
  const at = args.indexOf(name);
  if (at < 0) return byDefault;
  const [, text = ''] = args.splice(at, 2);
  if (/^[0-9]+$/.test(text)) return text;
  console.error(`${name} takes a number`);
  process.exit(64);
}
