// npm run demo [-- --once]: from a bare clone to real objects crossing the bridge.
import { ensureBuilt, ensureInstalled, exitCodeOf, requireSupportedNode } from './bootstrap.mjs';

requireSupportedNode();
await ensureInstalled();
await ensureBuilt();
const args = process.argv.slice(2);
// `npm run demo --once` (without the bare `--`) reaches us as npm's own configuration.
if (process.env.npm_config_once !== undefined && !args.includes('--once')) args.push('--once');
process.exit(await exitCodeOf(process.execPath, ['dist/main.js', 'demo', ...args]));
