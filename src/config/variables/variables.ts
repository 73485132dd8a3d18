import type { Variable, ValueOf } from '../variable.ts';
import { accessVariables } from './access-variables.ts';
import { archiveVariables } from './archive-variables.ts';
import { dimseVariables } from './dimse-variables.ts';
import { httpVariables } from './http-variables.ts';
import { operationsVariables } from './operations-variables.ts';
import { spoolVariables } from './spool-variables.ts';

/** What every variable starts with in the environment, so that nothing collides. */
export const variablePrefix = 'DRAWBRIDGE_';

/** The groups in the order of the reference. */
export const variableGroups = [
  { title: 'DIMSE front', variables: dimseVariables },
  { title: 'Archive', variables: archiveVariables },
  { title: 'Store and forward', variables: spoolVariables },
  { title: 'HTTP front', variables: httpVariables },
  { title: 'Who may call', variables: accessVariables },
  { title: 'Operations and logs', variables: operationsVariables },
] as const;

const table = {
  ...dimseVariables,
  ...archiveVariables,
  ...spoolVariables,
  ...httpVariables,
  ...accessVariables,
  ...operationsVariables,
} satisfies Record<string, Variable<unknown>>;

/** The name of a variable that has behaviour, without the prefix. */
export type VariableName = keyof typeof table;

/** All values, parsed. */
export type Values = { readonly [Name in VariableName]: ValueOf<(typeof table)[Name]> };

export const variables: Readonly<Record<VariableName, Variable<unknown>>> = table;

export const variableNames = Object.keys(table) as readonly VariableName[];

export function isVariableName(name: string): name is VariableName {
  return Object.hasOwn(table, name);
}
