// npm run bench [-- NAME…]: ratios against peers, measured side by side in one run.
import {
  ensureBuilt,
  ensureInstalled,
  exitCodeOf,
  requireSupportedNode,
  run,
  say,
} from './bootstrap.mjs';
import {
  benchPackages,
  debianPackages,
  ensureDebianPackages,
} from '../test/peers/debian-packages.mjs';

requireSupportedNode();
await ensureInstalled();
const packages = [...debianPackages, ...benchPackages];
if (!ensureDebianPackages({ say, packages })) process.exit(1);
await ensureBuilt();
// Compiled, because Node 20 runs no TypeScript; the test peers come along.
await run('npx', ['tsc', '-p', 'tsconfig.bench.json']);
process.exit(
  await exitCodeOf(process.execPath, ['.cache/bench/bench/run.js', ...process.argv.slice(2)]),
);
