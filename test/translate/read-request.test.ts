import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dicomwebRoutes } from '../../src/translate/dicomweb-routes.ts';
import {
  readDicomwebRequest,
  wadoUriRoute,
  readWadoUri,
} from '../../src/translate/read-request.ts';
import type { RawRequest, RequestReading } from '../../src/translate/read-request.ts';

const [study, series, instance] = ['1.2.3', '1.2.3.4', '1.2.3.4.5'];
const seriesPath = `studies/${study}/series/${series}`;
const instancePath = `${seriesPath}/instances/${instance}`;

const read = (path: string, more: Partial<RawRequest> = {}): RequestReading => {
  const [before = '', query = ''] = path.split('?', 2);
  return readDicomwebRequest({ method: 'GET', path: before, query, accept: undefined, ...more });
};

const requestOf = (path: string, more: Partial<RawRequest> = {}) => {
  const reading = read(path, more);
  if (reading.kind !== 'request') throw new Error(reading.detail);
  return reading.request;
};

const refusalOf = (path: string, more: Partial<RawRequest> = {}) => {
  const reading = read(path, more);
  if (reading.kind !== 'refusal') throw new Error(`${path} was taken`);
  return reading;
};

describe('reading a DICOMweb request', () => {
  it('makes a request of every route when nothing but the path is given', () => {
    for (const route of dicomwebRoutes) {
      const path = route.template
        .replace('{study}', study)
        .replace('{series}', series)
        .replace('{instance}', instance)
        .replace('{frames}', '1,3')
        .replace('{bulk}', '54000100/1/54001010');
      const reading = read(path, { method: route.method });
      expect(reading).toMatchObject({ kind: 'request', route, request: { kind: route.kind } });
    }
  });

  it('reads a search with what the path narrows it to', () => {
    expect(requestOf(`${seriesPath}/instances?limit=5&00080018=1.2`)).toEqual({
      kind: 'search',
      level: 'instance',
      studyInstanceUid: study,
      seriesInstanceUid: series,
      query: { match: { '00080018': '1.2' }, includeField: [], fuzzyMatching: false, limit: 5 },
    });
    expect(requestOf('studies')).toMatchObject({ level: 'study', query: { match: {} } });
  });

  it('D32 takes a study in the query beside one in the path only where they are the same', () => {
    expect(requestOf(`studies/${study}/series?StudyInstanceUID=${study}`)).toEqual({
      kind: 'search',
      level: 'series',
      studyInstanceUid: study,
      query: { match: {}, includeField: [], fuzzyMatching: false },
    });
    for (const query of ['StudyInstanceUID=1.9', `0020000D=${study},1.9`]) {
      expect(refusalOf(`studies/${study}/series?${query}`).status).toBe(400);
    }
    expect(refusalOf(`${seriesPath}/instances?SeriesInstanceUID=1.9`).status).toBe(400);
  });

  it('reads what OHIF asks', () => {
    const ohif = (path: string, accept: string) => requestOf(path, { accept });
    expect(
      ohif(
        'studies?PatientName=*Doe*&limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060%2C00080090%2C00100030',
        'application/dicom+json',
      ),
    ).toEqual({
      kind: 'search',
      level: 'study',
      query: {
        match: { '00100010': '*Doe*' },
        includeField: ['00081030', '00080060', '00080090', '00100030'],
        fuzzyMatching: false,
        limit: 101,
        offset: 0,
      },
    });
    expect(
      ohif(
        `${instancePath}/frames/1`,
        'multipart/related; type=application/octet-stream; transfer-syntax=*',
      ),
    ).toMatchObject({ mediaType: 'application/octet-stream', transferSyntax: '*', frames: [1] });
    expect(
      ohif(
        `${instancePath}/bulk/00420011`,
        'multipart/related; type="application/pdf", multipart/related; type="application/octet-stream"',
      ),
    ).toMatchObject({
      path: '00420011',
      mediaTypes: ['application/pdf', 'application/octet-stream'],
    });
    expect(ohif(instancePath, 'multipart/related; type="application/dicom"')).toEqual({
      kind: 'retrieve',
      selector: {
        studyInstanceUid: study,
        seriesInstanceUid: series,
        sopInstanceUid: instance,
      },
      framing: 'multipart',
    });
    expect(
      ohif(
        `${instancePath}/thumbnail?accept=image%2Fjpeg`,
        'multipart/related; type="application/octet-stream"',
      ),
    ).toMatchObject({ kind: 'thumbnail', mediaType: 'image/jpeg' });
  });

  it('reads the links that dicomweb-client writes', () => {
    const link = `requestType=WADO&studyUID=${study}&seriesUID=${series}&objectUID=${instance}&contentType=application/dicom&transferSyntax=*`;
    expect(readWadoUri({ query: link, accept: '*/*' })).toMatchObject({
      request: { kind: 'retrieve', framing: 'single', transferSyntax: '*' },
    });
  });

  it('keeps the other forms a client takes, in their order, and not too many', () => {
    const accept = ['jls; transfer-syntax=1.2.840.10008.1.2.4.80', 'jp2', 'jpeg']
      .map((type) => `multipart/related; type=image/${type}`)
      .concat('multipart/related; type=application/octet-stream; transfer-syntax=*;q=0.5')
      .join(',');
    expect(requestOf(`${instancePath}/frames/1`, { accept })).toMatchObject({
      mediaType: 'image/jls',
      transferSyntax: '1.2.840.10008.1.2.4.80',
      frames: [1],
      otherwise: {
        kind: 'frames',
        mediaType: 'image/jp2',
        otherwise: {
          mediaType: 'image/jpeg',
          otherwise: { mediaType: 'application/octet-stream', transferSyntax: '*' },
        },
      },
    });
    const syntaxes = Array.from(
      { length: 30 },
      (_, index) => `multipart/related; type="application/dicom"; transfer-syntax=1.2.${index}`,
    );
    const formsOf = (request: object): number =>
      'otherwise' in request ? 1 + formsOf(request.otherwise as object) : 1;
    const request = requestOf(`studies/${study}`, { accept: syntaxes.join(', ') });
    expect(formsOf(request)).toBe(8);
  });

  it.each([
    ['GET', 'studies', 'application/json', true],
    ['GET', 'studies', 'application/*', true],
    ['GET', 'studies', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
    ['GET', 'studies', 'application/dicom+xml', false],
    ['GET', 'studies', 'multipart/related; type="application/dicom+xml"', false],
    ['GET', 'studies', 'text/html', false],
    ['GET', `studies/${study}/metadata`, 'application/dicom+xml', false],
    ['GET', `studies/${study}/metadata`, 'application/dicom+json; transfer-syntax=*', true],
    ['POST', 'studies', 'application/dicom+json', true],
    ['POST', 'studies', 'application/dicom+xml', false],
    ['GET', `studies/${study}`, 'application/dicom', false],
    ['GET', `studies/${study}`, 'application/zip', false],
    ['GET', `studies/${study}`, 'multipart/related; type="application/octet-stream"', false],
    ['GET', instancePath, 'application/dicom', true],
    ['GET', `${instancePath}/frames/1`, 'application/octet-stream', false],
    ['GET', `${instancePath}/frames/1`, 'image/jpeg', false],
    ['GET', `${instancePath}/rendered`, 'video/mp4', false],
    ['GET', `${instancePath}/rendered`, 'image/avif,image/webp,image/*,*/*;q=0.8', true],
    ['GET', `${instancePath}/bulk/00420011`, 'application/pdf', false],
  ])('%s %s with Accept %s is acceptable: %s', (method, path, accept, isTaken) => {
    const reading = read(path, { method, accept });
    if (isTaken) expect(reading.kind).toBe('request');
    else expect(reading).toMatchObject({ kind: 'refusal', status: 406 });
  });

  it('lists what there is where nothing of it is acceptable', () => {
    expect(refusalOf('studies', { accept: 'text/html' }).detail).toContain(
      'application/dicom+json',
    );
    expect(refusalOf(instancePath, { accept: 'text/html' }).detail).toContain(
      'multipart/related; type="application/dicom", application/dicom',
    );
  });

  it('lets the accept parameter win over the header', () => {
    const accept = 'application/dicom+json';
    expect(requestOf('studies?accept=application/json', { accept: 'text/html' }).kind).toBe(
      'search',
    );
    expect(refusalOf('studies?accept=text/html', { accept }).status).toBe(406);
    expect(refusalOf('studies?accept=text/html&accept=*/*', { accept }).status).toBe(400);
  });

  it('has no character set but UTF-8', () => {
    expect(requestOf('studies?charset=utf-8').kind).toBe('search');
    expect(requestOf('studies?charset=iso-8859-1,UTF-8;q=0.5').kind).toBe('search');
    expect(refusalOf('studies?charset=iso-8859-1').status).toBe(406);
  });

  it.each([
    `studies/${study}?limit=1`,
    `studies/${study}/metadata?PatientName=A`,
    `${instancePath}/frames/1?viewport=1,1`,
    `${instancePath}/bulk/00420011?x=1`,
    `${instancePath}/thumbnail?window=1,2,linear`,
    `${instancePath}/rendered?viewport=99999999,99999999`,
    `${instancePath}/rendered?frames=1`,
    `studies?orderby=PatientName`,
    `studies?_method=DELETE`,
    `studies?access_token=abc`,
  ])('refuses a parameter the resource does not have: %s', (path) => {
    const name = /\?(\w+)=/.exec(path)?.[1] ?? '';
    expect(refusalOf(path)).toMatchObject({ status: 400 });
    expect(refusalOf(path).detail).toContain(name);
  });

  it('refuses a parameter of a STOW request before a byte of it is read', () => {
    expect(refusalOf('studies?x=1', { method: 'POST' }).status).toBe(400);
  });

  it('D38 names the methods of a resource for all others', () => {
    expect(refusalOf('studies', { method: 'DELETE' })).toMatchObject({
      status: 405,
      allowed: ['GET', 'POST', 'HEAD', 'OPTIONS'],
    });
  });

  it('D17 does not know hostile paths', () => {
    for (const path of [
      '../instances',
      '%2e%2e/system',
      'studies/%2e%2e%2f..',
      'studies/..%252f',
      '%c0%ae',
      ';/../',
      '\\',
      '/studies',
      'studies/',
      './studies',
      'system',
      'tools/execute-script',
      'instances/1234/file',
    ]) {
      expect([400, 404]).toContain(refusalOf(path).status);
    }
  });

  it('bounds a rendered picture and writes its parameters anew', () => {
    expect(
      requestOf(
        `${instancePath}/frames/2/rendered?viewport=0512,256&quality=090&window=40,400,LINEAR`,
      ),
    ).toEqual({
      kind: 'rendered',
      selector: {
        studyInstanceUid: study,
        seriesInstanceUid: series,
        sopInstanceUid: instance,
      },
      frames: [2],
      mediaType: 'image/jpeg',
      parameters: { viewport: '512,256', quality: '90', window: '40,400,linear' },
    });
  });
});

describe('reading a DICOMweb request, whatever it is', () => {
  const segment = fc.oneof(
    fc.constantFrom('studies', 'series', 'instances', 'frames', 'bulk', 'metadata', 'rendered'),
    fc.constantFrom('1.2.3', '1', '..', '.', '%2e%2e', '1,2', '00420011', '', '*', '%00'),
    fc.string(),
  );
  const parameter = fc.oneof(
    fc
      .tuple(
        fc.constantFrom('PatientName', 'limit', 'includefield', 'accept', '0020000D', '__proto__'),
        fc.oneof(fc.string(), fc.constantFrom('1', '%', '%ff', '%0d%0a', 'all', '1.2,1.3', '*/*')),
      )
      .map(([name, value]) => `${name}=${value}`),
    fc.string({ unit: 'binary' }),
  );
  const raw = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'),
    path: fc.array(segment, { maxLength: 9 }).map((segments) => segments.join('/')),
    query: fc.array(parameter, { maxLength: 6 }).map((parameters) => parameters.join('&')),
    accept: fc.option(
      fc.oneof(
        fc.string(),
        fc.constantFrom('*/*;q=2', 'multipart/related; type="', ',,', 'a/b;q=0', 'image/*'),
      ),
      { nil: undefined },
    ),
  });

  it('never throws, is stable, and quotes no value in a refusal', () => {
    fc.assert(
      fc.property(raw, (request) => {
        const reading = readDicomwebRequest(request);
        expect(readDicomwebRequest(request)).toEqual(reading);
        expect(['request', 'refusal']).toContain(reading.kind);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(raw, (request) => {
        expect(['request', 'refusal']).toContain(readWadoUri(request).kind);
      }),
    );
  });

  it('never lets what a client searched for into the sentence of a refusal', () => {
    const secret = 'Mustermann^Erika';
    for (const query of [
      `PatientName=${secret}%00`,
      `PatientName=${secret}%ff`,
      `PatientName=${secret}&PatientName=${secret}`,
      `${secret}=1`,
      secret,
      `limit=${secret}`,
      `StudyInstanceUID=${secret}`,
      `fuzzymatching=${secret}`,
      `includefield=${secret}`,
      `charset=${secret}`,
      `accept=${secret}`,
    ]) {
      expect(refusalOf(`studies?${query}`).detail).not.toMatch(/Mustermann|Erika/);
    }
  });

  it('never makes a request of a path with anything but the characters of its resources', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('..', '%', '\\', ';', '?', '#', '//'),
        (text, odd) => {
          const reading = read(`studies/${text}${odd}/series`.replaceAll('?', '%3F'));
          expect(reading).toMatchObject({ kind: 'refusal' });
        },
      ),
    );
  });
});

describe('reading a WADO-URI request', () => {
  const uids = `studyUID=${study}&seriesUID=${series}&objectUID=${instance}`;
  const selector = {
    studyInstanceUid: study,
    seriesInstanceUid: series,
    sopInstanceUid: instance,
  };
  const uri = (query: string, accept?: string) => readWadoUri({ query, accept });

  it('retrieves one object as it stands, where application/dicom is asked for', () => {
    expect(uri(`requestType=WADO&${uids}&contentType=application%2Fdicom`)).toEqual({
      kind: 'request',
      route: wadoUriRoute,
      request: { kind: 'retrieve', selector, framing: 'single' },
    });
    expect(
      uri(
        `requestType=WADO&${uids}&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2.1`,
      ),
    ).toMatchObject({ request: { transferSyntax: '1.2.840.10008.1.2.1' } });
  });

  it('gives a picture otherwise, its parameters in the words of the newer form', () => {
    expect(
      uri(
        `requestType=WADO&${uids}&frameNumber=3&rows=200&windowCenter=40&windowWidth=400&imageQuality=80&annotation=patient`,
      ),
    ).toMatchObject({
      request: {
        kind: 'rendered',
        selector,
        frames: [3],
        mediaType: 'image/jpeg',
        parameters: {
          viewport: '4096,200',
          window: '40,400,linear',
          quality: '80',
          annotation: 'patient',
        },
      },
    });
    expect(uri(`requestType=WADO&${uids}`, 'image/png')).toMatchObject({
      request: { mediaType: 'image/png' },
    });
    expect(uri(`requestType=WADO&${uids}&contentType=image/jpeg`, 'image/png')).toMatchObject({
      request: { mediaType: 'image/jpeg' },
    });
  });

  it.each([
    ['studyUID', `requestType=WADO&seriesUID=${series}&objectUID=${instance}`],
    ['requestType', uids],
    ['requestType', `requestType=WADO2&${uids}`],
    ['requestType', `requestType=WADO&requestType=WADO&${uids}`],
    ['seriesUID', `requestType=WADO&studyUID=${study}&objectUID=${instance}`],
    ['objectUID', `requestType=WADO&studyUID=${study}&seriesUID=${series}&objectUID=1..2`],
    ['anonymize', `requestType=WADO&${uids}&anonymize=yes`],
    ['region', `requestType=WADO&${uids}&region=0,0,1,1`],
    ['presentationUID', `requestType=WADO&${uids}&presentationUID=1.2`],
    ['rows', `requestType=WADO&${uids}&rows=99999`],
    ['columns', `requestType=WADO&${uids}&columns=0`],
    ['frameNumber', `requestType=WADO&${uids}&frameNumber=0`],
    ['imageQuality', `requestType=WADO&${uids}&imageQuality=101`],
    ['windowCenter', `requestType=WADO&${uids}&windowCenter=10`],
    ['windowWidth', `requestType=WADO&${uids}&windowCenter=1&windowWidth=wide`],
    ['rows', `requestType=WADO&${uids}&contentType=application/dicom&rows=10`],
    ['frameNumber', `requestType=WADO&${uids}&contentType=application/dicom&frameNumber=1`],
    ['transferSyntax', `requestType=WADO&${uids}&transferSyntax=1.2.840.10008.1.2.1`],
    [
      'transferSyntax',
      `requestType=WADO&${uids}&contentType=application/dicom&transferSyntax=jpeg`,
    ],
  ])('refuses with the name of the parameter: %s', (name, query) => {
    const reading = uri(query);
    expect(reading).toMatchObject({ kind: 'refusal', status: 400 });
    expect(reading.kind === 'refusal' ? reading.detail : '').toContain(name);
  });

  it('has no picture in a form nobody here makes', () => {
    expect(uri(`requestType=WADO&${uids}&contentType=video/mpeg`)).toMatchObject({ status: 406 });
    expect(uri(`requestType=WADO&${uids}&contentType=text/html`)).toMatchObject({ status: 406 });
    expect(uri(`requestType=WADO&${uids}&charset=utf-16`)).toMatchObject({ status: 406 });
  });
});
