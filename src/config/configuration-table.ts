import type { Variable } from './variable.ts';
import { variableGroups, variablePrefix } from './variables/variables.ts';

/** The reference of docs/configuration.md in Markdown: one table a group, straight from the schema. */
export function configurationTable(): string {
  return variableGroups
    .map(({ title, variables }) => [`### ${title}`, '', ...tableOf(variables)].join('\n'))
    .join('\n\n');
}

function tableOf(variables: Readonly<Record<string, Variable<unknown>>>): readonly string[] {
  return [
    '| variable | default | accepts | what it is for |',
    '| --- | --- | --- | --- |',
    ...Object.entries(variables).map(([name, variable]) => row(name, variable)),
  ];
}

function row(name: string, variable: Variable<unknown>): string {
  const standard = variable.default === undefined ? variable.whenUnset : `\`${variable.default}\``;
  const file = variable.secret === true ? `, or \`${variablePrefix}${name}_FILE\`` : '';
  const cells = [
    `\`${variablePrefix}${name}\`${file}`,
    standard ?? '',
    variable.accepts,
    variable.description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
