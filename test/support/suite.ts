/**
 * How much time there is: `npm test`, or one of the long runs (`npm run storm`,
 * `npm run test:large`), which scripts/test.mjs tells apart by this variable.
 */
export const suite = process.env['TEST_SUITE'] ?? 'default';

/** What chance a long storm is left to: `npm run storm -- --seeds 100 --seed 7` are 7 to 106. */
export const stormSeeds: readonly number[] = Array.from(
  { length: Number(process.env['STORM_SEEDS'] ?? 1) },
  (_, index) => Number(process.env['STORM_SEED'] ?? 1) + index,
);
