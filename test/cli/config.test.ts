import { expect, it } from 'vitest';
import { runConfig } from '../../src/cli/config.ts';
import { configurationTable } from '../../src/config/configuration-table.ts';
import { variableNames } from '../../src/config/variables/variables.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';

const environment = {
  DRAWBRIDGE_UPSTREAM_URL: 'https://pacs.example.org',
  DRAWBRIDGE_UPSTREAM_AUTH: 'bearer',
  DRAWBRIDGE_UPSTREAM_BEARER_TOKEN_FILE: '/run/token',
  DRAWBRIDGE_DIMSE_REQUIRE_CALLED_AE: 'false',
};

it('prints every variable, its value and where it came from, and notes to the side', () => {
  const { stdout, stderr } = print({ json: false, markdown: false });

  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(variableNames.length);
  expect(lines).toContainEqual(
    expect.stringMatching(/^DRAWBRIDGE_UPSTREAM_URL +environment +https:\/\/pacs\.example\.org$/),
  );
  expect(lines).toContainEqual(
    expect.stringMatching(/^DRAWBRIDGE_UPSTREAM_BEARER_TOKEN +file +\*{8}$/),
  );
  expect(lines).toContainEqual(expect.stringMatching(/^DRAWBRIDGE_DIMSE_PORT +default +11112$/));
  expect(stdout).not.toContain('hush');
  expect(stderr).toContain('note: DRAWBRIDGE_DIMSE_REQUIRE_CALLED_AE=false');
});

it('prints the same as JSON', () => {
  const { stdout } = print({ json: true, markdown: false });

  expect(JSON.parse(stdout)).toMatchObject({
    DRAWBRIDGE_UPSTREAM_BEARER_TOKEN: { value: '********', from: 'file' },
    DRAWBRIDGE_UPSTREAM_SCOPE: { value: null, from: 'default' },
  });
});

it('prints the reference even where the configuration is bad', () => {
  const { stdout } = print({ json: false, markdown: true }, { DRAWBRIDGE_NONSENSE: '1' });

  expect(stdout).toBe(`${configurationTable()}\n`);
});

it('leaves a bad configuration to whoever prints errors', () => {
  expect(() => print({ json: false, markdown: false }, { DRAWBRIDGE_NONSENSE: '1' })).toThrow(
    ConfigurationError,
  );
});

function print(
  options: Parameters<typeof runConfig>[0],
  variables: NodeJS.ProcessEnv = environment,
) {
  const output = { stdout: '', stderr: '' };
  runConfig(options, {
    environment: variables,
    readFile: () => 'hush',
    io: {
      stdout: { write: (text) => (output.stdout += text) },
      stderr: { write: (text) => (output.stderr += text) },
    },
  });
  return output;
}
