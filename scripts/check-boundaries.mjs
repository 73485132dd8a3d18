// Runs the import rules, and insists that they saw something: a cruise of zero modules
// (an unsupported TypeScript) reports success.
import { cruise } from 'dependency-cruiser';
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { createRequire } from 'node:module';

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const { output } = await cruise(
  ['src'],
  { ...options, ruleSet: { forbidden }, validate: true, outputType: 'err' },
  undefined,
  { tsConfig: extractTsConfig('tsconfig.json') },
);
const { output: summary } = await cruise(
  ['src'],
  { ...options, ruleSet: { forbidden }, validate: true },
  undefined,
  { tsConfig: extractTsConfig('tsconfig.json') },
);
const { totalCruised, totalDependenciesCruised, error } = summary.summary;
console.log(String(output).trim());
if (!(totalCruised > 0 && totalDependenciesCruised > 0)) {
  console.error('boundaries: dependency-cruiser saw no modules; is this TypeScript supported?');
  process.exit(1);
}
process.exit(error > 0 ? 1 : 0);
