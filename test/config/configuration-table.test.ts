import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { configurationTable } from '../../src/config/configuration-table.ts';
import { variableNames } from '../../src/config/variables/variables.ts';

const reference = new URL('../../docs/configuration.md', import.meta.url);
const begin =
  '<!-- reference: made from src/config; `npx vitest run test/config -u` writes it anew -->';
const end = '<!-- /reference -->';

it('docs/configuration.md holds the reference made from the schema', async () => {
  const text = await readFile(reference, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error('the marks are gone');

  await expect(
    `${before}${begin}\n\n${configurationTable()}\n\n${end}${after}`,
  ).toMatchFileSnapshot(reference.pathname);
});

it('has one row a variable', () => {
  for (const name of variableNames) {
    expect(configurationTable().split(`\n| \`DRAWBRIDGE_${name}\``)).toHaveLength(2);
  }
});
