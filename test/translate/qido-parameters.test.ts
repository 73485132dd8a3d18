import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidQuestionError } from '../../src/errors/request-errors.ts';
import { readQidoParameters } from '../../src/translate/qido-parameters.ts';
import { readQueryParameters } from '../../src/translate/query-parameters.ts';

const read = (query: string) => readQidoParameters(readQueryParameters(query));
const matchOf = (query: string) => read(query).match;

describe('the parameters of a search', () => {
  it('takes an attribute by its keyword and by its tag', () => {
    expect(matchOf('PatientID=LAB001&0020000d=1.2&ModalitiesInStudy=CT')).toEqual({
      '00100020': 'LAB001',
      '0020000D': '1.2',
      '00080061': 'CT',
    });
  });

  it('takes nested attributes, by keyword, by tag and by both', () => {
    expect(matchOf('00400275.00400009=SPS1')).toEqual({ '00400275.00400009': 'SPS1' });
    expect(matchOf('RequestAttributesSequence.ScheduledProcedureStepID=SPS1')).toEqual({
      '00400275.00400009': 'SPS1',
    });
    expect(matchOf('ReferencedSeriesSequence.0020000E=1.2')).toEqual({
      '00081115.0020000E': '1.2',
    });
    expect(read('includefield=RequestAttributesSequence.00400009').includeField).toEqual([
      '00400275.00400009',
    ]);
  });

  it('takes what PS3.6 retired, and the repeating groups by tag', () => {
    expect(matchOf('OtherPatientIDs=X')).toEqual({ '00101000': 'X' });
    expect(matchOf('60020022=X')).toEqual({ '60020022': 'X' });
  });

  it('decodes values as UTF-8, a plus as a blank', () => {
    expect(matchOf('PatientName=M%C3%BCller%5EJ%C3%B6rg')).toEqual({ '00100010': 'Müller^Jörg' });
    expect(matchOf('PatientName=%E5%B1%B1%E7%94%B0*')).toEqual({ '00100010': '山田*' });
    expect(matchOf('StudyDescription=Head+CT%2BPET')).toEqual({ '00081030': 'Head CT+PET' });
    expect(matchOf('PatientName=A%26limit%3D0')).toEqual({ '00100010': 'A&limit=0' });
    expect(matchOf('PatientName=A=B')).toEqual({ '00100010': 'A=B' });
  });

  it('leaves dates, times and wildcards as they are', () => {
    expect(matchOf('StudyDate=20240101-20240131&StudyTime=-1200&PatientName=D?e*')).toEqual({
      '00080020': '20240101-20240131',
      '00080030': '-1200',
      '00100010': 'D?e*',
    });
  });

  it('reads lists of UIDs, however they are joined', () => {
    for (const list of ['1.2,1.3', '1.2%5C1.3', '1.2%2C%201.3']) {
      expect(matchOf(`StudyInstanceUID=${list}`)).toEqual({ '0020000D': '1.2,1.3' });
    }
    for (const list of ['*', '1.2,', '1.2*', '1..2', 'abc', '1.2;1.3', '1'.repeat(65)]) {
      expect(() => read(`StudyInstanceUID=${list}`)).toThrow(InvalidQuestionError);
    }
  });

  it('gathers includefield from several and from lists', () => {
    const query =
      'includefield=00081030%2C00080060&includefield=PatientName,00081030&includefield=StudyID';
    expect(read(query).includeField).toEqual(['00081030', '00080060', '00100010', '00200010']);
    expect(read('includefield=PatientName&includefield=all').includeField).toBe('all');
    expect(read('').includeField).toEqual([]);
  });

  it('reads limit, offset and fuzzymatching', () => {
    expect(read('limit=0&offset=20&fuzzymatching=true')).toMatchObject({
      limit: 0,
      offset: 20,
      fuzzyMatching: true,
    });
    expect(read('fuzzymatching=False').fuzzyMatching).toBe(false);
    expect(read('')).toEqual({ match: {}, includeField: [], fuzzyMatching: false });
  });

  it.each([
    ['limit', 'limit=-1'],
    ['limit', 'limit=1.5'],
    ['limit', 'limit=1e3'],
    ['limit', 'limit=9999999999'],
    ['limit', 'limit=1&limit=2'],
    ['offset', 'offset=x'],
    ['offset', 'offset='],
    ['fuzzymatching', 'fuzzymatching=1'],
    ['PatientNam', 'PatientNam=Doe'],
    ['patientname', 'patientname=Doe'],
    ['PatientName', 'PatientName='],
    ['PatientName', 'PatientName'],
    ['PatientName', 'PatientName=%zz'],
    ['PatientName', 'PatientName=%ff%fe'],
    ['PatientName', 'PatientName=%C0%AE'],
    ['PatientName', 'PatientName=M\u00fcller'],
    ['PatientName', 'PatientName=A%0d%0aX-Evil:1'],
    ['PatientName', 'PatientName=A%00'],
    ['PatientName', 'PatientName=A%7f'],
    ['PatientName', 'PatientName=A%C2%85'],
    ['PatientName', `PatientName=${'A'.repeat(9000)}`],
    ['00100010', 'PatientName=A&00100010=B'],
    ['0010ZZZZ', '0010ZZZZ=1'],
    ['00090010', '00090010=1'],
    ['00080003', '00080003=1'],
    ['00000100', '00000100=1'],
    ['00020010', '00020010=1.2'],
    ['00041130', '00041130=X'],
    ['300A0782', '300A0782=1'],
    ['PixelPaddingValue', 'PixelPaddingValue=1'],
    ['RequestAttributesSequence', 'RequestAttributesSequence=1'],
    ['PatientName.PatientID', 'PatientName.PatientID=1'],
    ['PixelData', 'PixelData=1'],
    ['undefined', 'undefined=1'],
    ['includefield', 'includefield=Nonsense'],
    ['includefield', 'includefield=PatientName,'],
    ['includefield', 'includefield=ALL'],
  ])('refuses with the name of the parameter: %s in %s', (name, query) => {
    expect(() => read(query)).toThrow(InvalidQuestionError);
    expect(() => read(query)).toThrow(name);
  });

  it('D05 does not reach into the prototype for a name', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(() => read(`${name}=1`)).toThrow(InvalidQuestionError);
    }
  });

  it('bounds how many there may be and how deep they may lie', () => {
    const many = (count: number) => Array.from({ length: count }, () => 'includefield=StudyID');
    expect(read(many(100).join('&')).includeField).toEqual(['00200010']);
    expect(() => read(many(101).join('&'))).toThrow(InvalidQuestionError);
    const deep = (depth: number) => `${'00081199.'.repeat(depth)}00081155=1.2`;
    expect(() => read(deep(7))).not.toThrow();
    expect(() => read(deep(8))).toThrow(InvalidQuestionError);
  });

  it('keeps every value whole that a client encodes', () => {
    const value = fc
      .string({ unit: 'grapheme', minLength: 1 })
      // eslint-disable-next-line no-control-regex -- they are refused, see above
      .filter((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text));
    fc.assert(
      fc.property(value, (text) => {
        expect(matchOf(`PatientName=${encodeURIComponent(text)}`)).toEqual({ '00100010': text });
      }),
    );
  });

  it('throws nothing but its own error, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (query) => {
        try {
          read(query);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidQuestionError);
        }
      }),
    );
  });
});
