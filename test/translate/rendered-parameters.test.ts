import { describe, expect, it } from 'vitest';
import { InvalidQuestionError } from '../../src/errors/request-errors.ts';
import { readRenderedParameters } from '../../src/translate/rendered-parameters.ts';

const all = ['annotation', 'quality', 'viewport', 'window', 'iccprofile'] as const;
const read = (name: string, value: string) =>
  readRenderedParameters(new Map([[name, value]]), all)[name];

describe('the parameters of a picture', () => {
  it.each([
    ['viewport', '512,512', '512,512'],
    ['viewport', '4096,1', '4096,1'],
    ['viewport', '0064,064', '64,64'],
    ['viewport', '64,64,0,0,32,32', '64,64,0,0,32,32'],
    ['viewport', '64,64,,,-32.5,', '64,64,,,-32.5,'],
    ['window', '40,400,linear', '40,400,linear'],
    ['window', '-600.50,1500,LINEAR_EXACT', '-600.5,1500,linear-exact'],
    ['window', '0,0.25,sigmoid', '0,0.25,sigmoid'],
    ['quality', '100', '100'],
    ['quality', '007', '7'],
    ['annotation', 'patient,technique', 'patient,technique'],
    ['iccprofile', 'srgb', 'srgb'],
  ])('takes %s=%s and writes it anew', (name, value, written) => {
    expect(read(name, value)).toBe(written);
  });

  it.each([
    ['viewport', '4097,512'],
    ['viewport', '512,5000'],
    ['viewport', '0,512'],
    ['viewport', '99999999,99999999'],
    ['viewport', '512'],
    ['viewport', '512,512,0'],
    ['viewport', '64,64,0,0,9999999,1'],
    ['viewport', '64,64,-,-,-,-'],
    ['viewport', '64,64&quality=1'],
    ['viewport', '1e3,1e3'],
    ['window', '40,400'],
    ['window', '40,0,linear'],
    ['window', '40,0.5,linear'],
    ['window', '40,-1,sigmoid'],
    ['window', '40,400,cubic'],
    ['window', 'NaN,400,linear'],
    ['quality', '0'],
    ['quality', '101'],
    ['quality', '50.5'],
    ['annotation', 'patient,patient'],
    ['iccprofile', 'SRGB'],
    ['frames', '1'],
  ])('refuses %s=%s with the name alone', (name, value) => {
    expect(() => read(name, value)).toThrow(InvalidQuestionError);
    expect(() => read(name, value)).toThrow(new RegExp(`^${name} `));
  });

  it('has no parameter that the resource does not have', () => {
    expect(() => readRenderedParameters(new Map([['window', '1,2,linear']]), ['viewport'])).toThrow(
      'window is no parameter of this',
    );
  });
});
