/**
 * How much time there is: `npm test`, or one of the long runs (`npm run storm`,
 * `npm run test:large`), which scripts/test.mjs tells apart by this variable.
 */
export const suite = process.env['TEST_SUITE'] ?? 'default';
