import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dicomwebRoutes, matchRoute } from '../../src/translate/dicomweb-routes.ts';

const [study, series, instance] = ['1.2.3', '1.2.3.4', '1.2.3.4.5'];
const instancePath = `studies/${study}/series/${series}/instances/${instance}`;

const found = (method: string, path: string) => {
  const match = matchRoute(method, path);
  if (match.kind !== 'found') throw new Error(`${method} ${path}: ${match.kind}`);
  return match;
};

describe('the allow-list of DICOMweb resources', () => {
  it('finds every route by its own template', () => {
    for (const route of dicomwebRoutes) {
      const path = route.template
        .replace('{study}', study)
        .replace('{series}', series)
        .replace('{instance}', instance)
        .replace('{frames}', '1,3')
        .replace('{bulk}', '54000100/1/54001010');
      expect(found(route.method, path).route).toBe(route);
    }
    expect(dicomwebRoutes).toHaveLength(24);
  });

  it('reads UIDs, frame numbers and bulk paths out of a path', () => {
    expect(found('GET', `${instancePath}/frames/1%2C3`).parameters).toEqual({
      studyInstanceUid: study,
      seriesInstanceUid: series,
      sopInstanceUid: instance,
      frames: [1, 3],
    });
    expect(found('GET', `${instancePath}/bulk/54000100/1/54001010`).parameters).toMatchObject({
      bulkPath: '54000100/1/54001010',
    });
  });

  it('answers HEAD where there is GET', () => {
    expect(found('HEAD', 'studies').route.method).toBe('GET');
  });

  it('D38 names the methods a resource has for all others', () => {
    for (const method of ['DELETE', 'PUT', 'PATCH', 'TRACE', 'CONNECT', 'get']) {
      expect(matchRoute(method, `studies/${study}`)).toEqual({
        kind: 'method-not-allowed',
        allowed: ['GET', 'POST', 'HEAD', 'OPTIONS'],
      });
    }
    expect(matchRoute('POST', 'series')).toEqual({
      kind: 'method-not-allowed',
      allowed: ['GET', 'HEAD', 'OPTIONS'],
    });
  });

  it.each([
    '1.2.3%00',
    '1.2.3%0d%0aX:1',
    '*',
    `1.${'2'.repeat(63)}`,
    '1.2.3,1.2.4',
    '１.２.３',
    '%EF%BC%91.2',
    '1..2',
    '',
    '1.2.3 ',
    '..',
    '%2e%2e',
  ])('D18 calls %j in the place of a UID malformed', (uid) => {
    expect(matchRoute('GET', `studies/${uid}/metadata`).kind).toBe('malformed');
  });

  it.each([
    '../instances',
    '%2e%2e/system',
    '..%252f',
    '%c0%ae%c0%ae/system',
    'studies/;/../x/y/z',
    'system',
    'instances/../system',
    'tools/execute-script',
    './studies',
    '/studies',
    'studies//metadata/',
    'studies\\1.2.3',
    'Studies',
    '%73tudies',
    'statistics',
    'changes',
    '',
  ])('D17 knows no resource %j', (path) => {
    expect(matchRoute('GET', path)).toEqual({ kind: 'unknown' });
  });

  it('calls frame lists and bulk paths malformed that are none', () => {
    for (const frames of ['0', '-1', '1,', ',1', '1;2', 'a', '1e3', '01', '1,,2']) {
      expect(matchRoute('GET', `${instancePath}/frames/${frames}`).kind).toBe('malformed');
    }
    for (const bulk of ['', '..', '7FE00010/', '7FE00010/0/7FE00010', 'file', '7FE00010/1']) {
      expect(matchRoute('GET', `${instancePath}/bulk/${bulk}`).kind).toBe('malformed');
    }
  });

  it('hands out only digits, dots, commas and hexadecimal tags, whatever comes in', () => {
    const hostile = fc.stringMatching(/^[a-z0-9.,%/\\;*: -]{0,60}$/);
    fc.assert(
      fc.property(
        fc.oneof(
          hostile,
          fc.string(),
          hostile.map((s) => `studies/${s}`),
        ),
        (path) => {
          const match = matchRoute('GET', path);
          if (match.kind !== 'found') return;
          const { studyInstanceUid = '1', bulkPath = '0' } = match.parameters;
          expect(studyInstanceUid).toMatch(/^[0-9.]{1,64}$/);
          expect(bulkPath).toMatch(/^[0-9A-Fa-f/]+$/);
        },
      ),
    );
  });
});
