import { describe, expect, it } from 'vitest';
import type { DicomwebArchiveConfig } from '../../src/config/config.ts';
import { describeConfig } from '../../src/config/describe-config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { LoadedConfig } from '../../src/config/load-config.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';

function load(settings: Readonly<Record<string, string>>): LoadedConfig {
  const archive = { DRAWBRIDGE_UPSTREAM_URL: 'https://pacs.example.org/dicom-web' };
  return loadConfig({ ...archive, ...settings }, { readFile: () => 'http://from:file@proxy:1\n' });
}

function proxiesOf(settings: Readonly<Record<string, string>>): DicomwebArchiveConfig['proxies'] {
  const { archive } = load(settings).config;
  if (archive.kind !== 'dicomweb') throw new Error('another archive');
  return archive.proxies;
}

function problemsOf(settings: Readonly<Record<string, string>>): ConfigurationError['problems'] {
  try {
    load(settings);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the proxies', () => {
  it('are none when nobody names one', () => {
    expect(proxiesOf({})).toBeUndefined();
    expect(proxiesOf({ NO_PROXY: '*', HTTPS_PROXY: '' })).toBeUndefined();
  });

  it('are ours before those of the machine, and then for everything', () => {
    expect(
      proxiesOf({
        DRAWBRIDGE_UPSTREAM_PROXY: 'http://user:p%40ss@proxy.example.org:3128',
        HTTPS_PROXY: 'http://other:1',
        NO_PROXY: '*',
      }),
    ).toEqual({
      https: 'http://user:p%40ss@proxy.example.org:3128/',
      http: 'http://user:p%40ss@proxy.example.org:3128/',
      noProxy: '',
      sparesLoopback: false,
    });
  });

  it('are those of the machine otherwise, by the scheme of what is asked for', () => {
    expect(
      proxiesOf({ HTTPS_PROXY: 'https://one:1', HTTP_PROXY: 'two:2', NO_PROXY: 'a.test,b.test' }),
    ).toEqual({
      https: 'https://one:1/',
      http: 'http://two:2/',
      noProxy: 'a.test,b.test',
      sparesLoopback: true,
    });
  });

  it('are read from small names first', () => {
    const big = { HTTPS_PROXY: 'http://big:1', NO_PROXY: 'big' };

    expect(proxiesOf({ ...big, https_proxy: 'http://small:1', no_proxy: 'small' })).toMatchObject({
      https: 'http://small:1/',
      http: undefined,
      noProxy: 'small',
    });
  });

  it('of the machine are passed over when we are told off', () => {
    expect(
      proxiesOf({ DRAWBRIDGE_UPSTREAM_PROXY: 'off', HTTPS_PROXY: 'http://p:1' }),
    ).toBeUndefined();
  });

  it('of the machine are announced, without their credentials', () => {
    expect(load({ HTTPS_PROXY: 'http://user:hu@sh@proxy:3128' }).notes).toEqual([
      'HTTPS_PROXY is heeded: http://********@proxy:3128',
    ]);
  });

  it('may stand in a file, for the sake of their password', () => {
    expect(proxiesOf({ DRAWBRIDGE_UPSTREAM_PROXY_FILE: '/run/secrets/proxy' })?.https).toBe(
      'http://from:file@proxy:1/',
    );
  });

  it('are shown without their credentials', () => {
    const loaded = load({ DRAWBRIDGE_UPSTREAM_PROXY: 'http://user:hush@proxy:3128' });

    expect(describeConfig(loaded)).toContainEqual({
      variable: 'DRAWBRIDGE_UPSTREAM_PROXY',
      value: 'http://********@proxy:3128',
      from: 'environment',
    });
    expect(JSON.stringify([loaded.shown, loaded.notes])).not.toContain('hush');
  });

  it.each([
    'socks5://user:hush@proxy:1080',
    'http://user:hush@proxy/path',
    'http://user:hush%ZZ@proxy',
    'http://user:hush%0A@proxy',
    'proxy:3128',
    'http://',
  ])('are refused when they are none: %s', (text) => {
    const problems = problemsOf({ DRAWBRIDGE_UPSTREAM_PROXY: text });

    expect(problems).toMatchObject([{ variable: 'DRAWBRIDGE_UPSTREAM_PROXY' }]);
    expect(JSON.stringify(problems)).not.toContain('hush');
  });

  it('of the machine that we cannot use stop the start, unless we have one of our own', () => {
    const socks = { HTTPS_PROXY: 'socks5://user:hush@proxy:1080' };

    expect(problemsOf(socks)).toMatchObject([
      { variable: 'HTTPS_PROXY', got: 'socks5://********@proxy:1080' },
    ]);
    expect(proxiesOf({ ...socks, DRAWBRIDGE_UPSTREAM_PROXY: 'off' })).toBeUndefined();
  });

  it('do not matter to the embedded archive', () => {
    expect(load({ DRAWBRIDGE_UPSTREAM_URL: '', HTTPS_PROXY: 'socks5://p' }).notes).toEqual([]);
  });
});
