import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { summariseAnswer } from '../../src/translate/answer-summary.ts';

const failed = (...reasons: readonly number[]): string =>
  JSON.stringify({
    '00081198': {
      Value: reasons.map((reason, index) => ({
        '00081155': { Value: [`1.2.${index}`] },
        '00081197': { Value: [reason] },
      })),
    },
  });

describe('the summary of an answer', () => {
  it('C10 tells how many instances were refused, and why, each reason once', () => {
    const body = failed(0xc000, 0x0110, 0xc000);

    expect(summariseAnswer({ body, contentType: 'application/DICOM+json; charset=x' })).toEqual({
      mediaType: 'application/dicom+json',
      bytes: body.length,
      kept: 0,
      failed: 3,
      failureReasons: ['0110H', 'C000H'],
    });
  });

  it('tells the length and type of what is no such answer', () => {
    expect(summariseAnswer({ body: '<p>é', contentType: 'text/html' })).toEqual({
      mediaType: 'text/html',
      bytes: 5,
    });
    expect(summariseAnswer({ body: undefined, contentType: undefined })).toEqual({
      mediaType: 'none',
    });
  });

  it('holds nothing the archive wrote, whatever that is', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (body, contentType) => {
        const marked = `Doe^Jane ${body}`;
        const summary = summariseAnswer({ body: marked, contentType: `Doe^Jane${contentType}` });

        expect(JSON.stringify(summary)).not.toContain('Doe');
        expect(summary.mediaType).toBe('other');
      }),
    );
  });

  it('stays short, however many reasons there are', () => {
    const body = failed(...Array.from({ length: 500 }, (_, reason) => reason));

    expect(summariseAnswer({ body, contentType: undefined }).failureReasons).toHaveLength(16);
  });
});
