import { InvalidQuestionError } from '../errors/request-errors.ts';

/**
 * How long a side of a picture may be. Orthanc 1.10 takes memory for whatever is asked and dies of
 * `viewport=99999999,99999999`.
 */
export const maxViewport = 4096;

const decimal = '-?[0-9]{1,6}(?:\\.[0-9]{1,6})?';
const viewportPattern = /^([0-9]{1,4}),([0-9]{1,4})((?:,[-0-9.]*){4})?$/;
const regionPattern = new RegExp(`^(?:,(?:${decimal})?){4}$`);
const windowPattern = new RegExp(`^(${decimal}),(${decimal}),([a-zA-Z_-]+)$`);

/** Parameter → what it may be, written as we write it; `undefined` for anything else. */
const readers = {
  viewport: readViewport,
  window: readWindow,
  quality: readQuality,
  annotation: (value) => oneOf(value, ['patient', 'technique', 'patient,technique']),
  iccprofile: (value) => oneOf(value, ['no', 'yes', 'srgb', 'adobergb', 'rommrgb', 'displayp3']),
} as const satisfies Readonly<Record<string, (value: string) => string | undefined>>;

export type RenderingParameter = keyof typeof readers;

/**
 * Reads the parameters of a rendered resource (PS3.18 §8.3.5).
 *
 * @returns them within bounds and written anew.
 * @throws {@link InvalidQuestionError} that names the parameter.
 */
export function readRenderedParameters(
  parameters: ReadonlyMap<string, string>,
  allowed: readonly RenderingParameter[],
): Readonly<Record<string, string>> {
  const written: Record<string, string> = {};
  for (const [name, value] of parameters) {
    const known = allowed.find((each) => each === name);
    if (known === undefined) throw new InvalidQuestionError(`${name} is no parameter of this`);
    written[known] = readRenderingParameter(known, value);
  }
  return written;
}

/** @param name - what the client calls it. */
export function readRenderingParameter(
  parameter: RenderingParameter,
  value: string,
  name: string = parameter,
): string {
  const text = readers[parameter](value);
  if (text === undefined) throw new InvalidQuestionError(`${name} takes ${accepted[parameter]}`);
  return text;
}

const accepted: Readonly<Record<RenderingParameter, string>> = {
  viewport: `a width and a height from 1 to ${maxViewport}, and perhaps a region`,
  window: 'a center, a width and linear, linear-exact or sigmoid',
  quality: 'a number from 1 to 100',
  annotation: 'patient, technique, or both',
  iccprofile: 'no, yes, srgb, adobergb, rommrgb or displayp3',
};

/** `vw,vh` and, of the picture, `sx,sy,sw,sh`, each of which may be empty. */
function readViewport(value: string): string | undefined {
  const [, width = '', height = '', region = ''] = viewportPattern.exec(value) ?? [];
  const sides = [Number(width), Number(height)];
  if (sides.some((side) => side < 1 || side > maxViewport)) return undefined;
  if (region !== '' && !regionPattern.test(region)) return undefined;
  return `${sides.join(',')}${region}`;
}

function readWindow(value: string): string | undefined {
  const [, center = '', width = '', name = ''] = windowPattern.exec(value) ?? [];
  const shape = oneOf(name.toLowerCase().replace('_', '-'), ['linear', 'linear-exact', 'sigmoid']);
  // Below 1 the linear function is not defined (PS3.3 §C.11.2.1.2.1).
  const least = shape === 'linear' ? 1 : Number.MIN_VALUE;
  if (shape === undefined || Number(width) < least) return undefined;
  return `${Number(center)},${Number(width)},${shape}`;
}

function readQuality(value: string): string | undefined {
  const quality = /^[0-9]{1,3}$/.test(value) ? Number(value) : 0;
  return quality >= 1 && quality <= 100 ? String(quality) : undefined;
}

function oneOf(value: string, allowed: readonly string[]): string | undefined {
  return allowed.includes(value) ? value : undefined;
}
