import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotAcceptableError } from '../../src/errors/request-errors.ts';
import { chooseForms } from '../../src/translate/accept.ts';
import type { Offer } from '../../src/translate/accept.ts';
import {
  bulkDataOffer,
  frameOffer,
  jsonOffer,
  objectOffer,
  renderedOffer,
} from '../../src/translate/resource-forms.ts';

const best = (accept: string | undefined, offer: Offer) => chooseForms(accept, offer)[0];
const dicom = { framing: 'multipart', mediaType: 'application/dicom' };

describe('choosing among the forms of a resource', () => {
  it('gives its first form to whoever takes anything', () => {
    for (const accept of [undefined, '', '  ', '*/*', '*/*;q=0.1', 'text/html,*/*;q=0.8']) {
      expect(best(accept, objectOffer('study'))).toEqual(dicom);
      expect(best(accept, jsonOffer).mediaType).toBe('application/dicom+json');
      expect(best(accept, frameOffer).mediaType).toBe('application/octet-stream');
      expect(best(accept, renderedOffer).mediaType).toBe('image/jpeg');
    }
  });

  it.each([
    'multipart/related; type="application/dicom"; transfer-syntax=*',
    'multipart/related; type=application/dicom; transfer-syntax=*',
    'multipart/related;type="application/dicom";transfer-syntax="*"',
    'Multipart/Related; Type="Application/DICOM"; Transfer-Syntax=*',
    'multipart/related; type="application/dicom; transfer-syntax=*"',
    'multipart/related; boundary=x; type="application/dicom"; transfer-syntax=*; q=0.5',
    'multipart/related; transfer-syntax=*',
    '*/*; transfer-syntax=*',
  ])('reads %s as objects as they are stored', (accept) => {
    expect(best(accept, objectOffer('study'))).toEqual({ ...dicom, transferSyntax: '*' });
  });

  it('takes a named transfer syntax, and passes over what is none', () => {
    const accept = (syntax: string) =>
      `multipart/related; type="application/dicom"; transfer-syntax=${syntax}`;
    expect(best(accept('1.2.840.10008.1.2.4.50'), objectOffer('series'))).toEqual({
      ...dicom,
      transferSyntax: '1.2.840.10008.1.2.4.50',
    });
    for (const syntax of ['1..2', 'jpeg', '""', '1.2;transfer-syntax=1.3']) {
      expect(() => best(accept(syntax), objectOffer('series'))).toThrow(NotAcceptableError);
    }
  });

  it('has a single object without multipart, and nothing larger', () => {
    expect(best('application/dicom', objectOffer('instance'))).toEqual({
      framing: 'single',
      mediaType: 'application/dicom',
    });
    expect(best('application/dicom; transfer-syntax=*', objectOffer('instance'))).toEqual({
      framing: 'single',
      mediaType: 'application/dicom',
      transferSyntax: '*',
    });
    expect(best('application/*', objectOffer('instance')).framing).toBe('single');
    for (const level of ['study', 'series'] as const) {
      expect(() => best('application/dicom', objectOffer(level))).toThrow(NotAcceptableError);
      expect(() => best('application/*', objectOffer(level))).toThrow(NotAcceptableError);
    }
  });

  it('follows the weights', () => {
    expect(best('image/jpeg;q=0.2, image/png;q=0.9', renderedOffer).mediaType).toBe('image/png');
    expect(best('image/png, image/jpeg', renderedOffer).mediaType).toBe('image/png');
    expect(best('image/*;q=0.9, image/jpeg;q=0.1', renderedOffer).mediaType).toBe('image/png');
    expect(best('image/jpeg;q=0, */*;q=0.1', renderedOffer).mediaType).toBe('image/png');
    expect(() => best('application/dicom+json;q=0, application/json;q=0, */*', jsonOffer)).toThrow(
      NotAcceptableError,
    );
    expect(() => best('*/*;q=0', jsonOffer)).toThrow(NotAcceptableError);
    expect(() => best('*/*;q=0.0001', jsonOffer)).toThrow(NotAcceptableError);
    expect(() => best('*/*;q=2', jsonOffer)).toThrow(NotAcceptableError);
  });

  it('prefers what is stored among what a client likes equally', () => {
    const jpegLs = 'multipart/related; type=image/jls; transfer-syntax=1.2.840.10008.1.2.4.80';
    const stored = 'multipart/related; type=application/octet-stream; transfer-syntax=*';
    expect(best(`${jpegLs}, ${stored}`, frameOffer)).toEqual({
      framing: 'multipart',
      mediaType: 'application/octet-stream',
      transferSyntax: '*',
    });
    expect(best(`${jpegLs}, ${stored};q=0.5`, frameOffer).mediaType).toBe('image/jls');
  });

  it('has frames in the media types and transfer syntaxes that belong together', () => {
    const frames = (type: string, syntax?: string) => () =>
      best(
        `multipart/related; type="${type}"${syntax === undefined ? '' : `; transfer-syntax=${syntax}`}`,
        frameOffer,
      );
    expect(frames('image/jpeg')()).toEqual({ framing: 'multipart', mediaType: 'image/jpeg' });
    expect(frames('image/jp2', '1.2.840.10008.1.2.4.91')()).toMatchObject({
      transferSyntax: '1.2.840.10008.1.2.4.91',
    });
    expect(frames('image/*')().mediaType).toBe('image/jpeg');
    expect(frames('image/jls', '*')().transferSyntax).toBe('*');
    expect(frames('application/octet-stream', '1.2.840.10008.1.2.1')().mediaType).toBe(
      'application/octet-stream',
    );
    expect(frames('image/jpeg', '1.2.840.10008.1.2.4.80')).toThrow(NotAcceptableError);
    expect(frames('image/dicom-rle', '1.2.840.10008.1.2.50')).toThrow(NotAcceptableError);
    expect(frames('image/jpeg', '1.2.840.10008.1.2.1.2.840.10008.1.2.4.50')).toThrow(
      NotAcceptableError,
    );
    expect(frames('image/png')).toThrow(NotAcceptableError);
    expect(frames('application/dicom')).toThrow(NotAcceptableError);
  });

  it('has bulk data in whatever media type a client names, best first', () => {
    const accept =
      'multipart/related; type="image/jpeg";q=0.5, multipart/related; type="application/pdf"';
    expect(chooseForms(accept, bulkDataOffer).map(({ mediaType }) => mediaType)).toEqual([
      'application/pdf',
      'image/jpeg',
    ]);
    expect(best('multipart/related', bulkDataOffer).mediaType).toBe('application/octet-stream');
  });

  it('passes over what it cannot read', () => {
    for (const accept of [',', 'nonsense', 'a/b/c', 'multipart/mixed', 'type=application/dicom']) {
      expect(() => best(accept, objectOffer('study'))).toThrow(NotAcceptableError);
      expect(best(`${accept}, */*`, objectOffer('study'))).toEqual(dicom);
    }
  });

  it('throws nothing but its own error, and finds whatever a client puts beside', () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary-ascii' }),
      fc.constantFrom('a/b', 'a/b;q=0.5', 'text/*;q=0', 'x/y;z="a,b"'),
    );
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 5 }), (elements) => {
        try {
          chooseForms(elements.join(','), frameOffer);
        } catch (error) {
          expect(error).toBeInstanceOf(NotAcceptableError);
        }
        const quiet = elements.filter((element) => !/["*\\]|json/.test(element));
        const accept = [...quiet, 'application/dicom+json'].join(',');
        expect(best(accept, jsonOffer).mediaType).toBe('application/dicom+json');
      }),
    );
  });
});
