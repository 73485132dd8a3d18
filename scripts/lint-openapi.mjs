// Holds openapi/openapi.json against OpenAPI 3.1 and the rules most people's tools expect.
import { createConfig, formatProblems, getTotals, lint } from '@redocly/openapi-core';
import { fileURLToPath } from 'node:url';

const document = fileURLToPath(new URL('../openapi/openapi.json', import.meta.url));
const config = await createConfig({ extends: ['recommended'] });
const problems = await lint({ ref: document, config });
formatProblems(problems, { totals: getTotals(problems), format: 'codeframe', version: '' });
// A warning would be read once and never again.
process.exit(problems.length > 0 ? 1 : 0);
