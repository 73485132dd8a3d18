import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import { NotFoundError } from '../../errors/origin-errors.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { Frame } from './frame.ts';
import type { Part10File } from './part10-file.ts';
import type { PixelData } from './pixel-data.ts';

/** The value of one item that holds (part of) a frame. */
interface Fragment {
  readonly at: number;
  readonly length: number;
}

const itemHeadBytes = 8;
const item = 0xfffee000;
const sequenceDelimitation = 0xfffee0dd;
/** Fragments may be long: there is no use in reading much around their heads. */
const windowBytes = 64;
/** More than the frames of any object that has no table of them; a hostile one may have more. */
const maxFragments = 2 ** 17;

/** What begins a frame, where nothing else tells: SOI of JPEG and JPEG-LS, SOC and SIZ of JPEG 2000. */
const beginnings: readonly string[] = ['ffd8ff', 'ff4fff51'];

/**
 * Finds frames in encapsulated pixel data (PS3.5 §A.4): by the Extended or the Basic Offset Table where
 * there is one, else by counting fragments, else by how compressed frames begin.
 *
 * @param numbers - counted from 1, of frames that the object says it has.
 * @throws {@link NotAcceptableError} when frames cannot be told apart, {@link ObjectUnreadableError} when
 *   the items cannot be followed, {@link NotFoundError} when there are none at all.
 */
export async function encapsulatedFrames(
  file: Part10File,
  pixelData: PixelData,
  numbers: readonly number[],
  signal: AbortSignal,
): Promise<readonly Frame[]> {
  const fragmentsOf = await frameFinder(sourceOf(file, signal), pixelData);
  const frames: Frame[] = [];
  for (const number of numbers) frames.push(joined(file, await fragmentsOf(number)));
  return frames;
}

/** All of it as one: a video, or pixel data nobody knows the frames of. */
export async function wholeBitstream(
  file: Part10File,
  at: number,
  signal: AbortSignal,
): Promise<Frame> {
  const source = sourceOf(file, signal);
  const table = await itemAt(source, at);
  if (table === undefined) return joined(file, []);
  return joined(file, await fragmentsFrom(source, table.at + table.length));
}

/** There may be many fragments to look at, for a client that has gone meanwhile. */
function sourceOf(file: Part10File, signal: AbortSignal): ByteSource {
  const { end, bytes } = file.source(windowBytes);
  return {
    end,
    bytes: async (position, length) => {
      signal.throwIfAborted();
      return bytes(position, length);
    },
  };
}

type FrameFinder = (number: number) => readonly Fragment[] | Promise<readonly Fragment[]>;

async function frameFinder(
  source: ByteSource,
  { value, frames, extendedOffsets }: PixelData,
): Promise<FrameFinder> {
  const table = await itemAt(source, value.at);
  if (table === undefined) throw new NotFoundError('the instance does not have such a frame');
  const start = table.at + table.length;
  if (extendedOffsets?.length === frames * 8) {
    const { at } = extendedOffsets;
    return async (number) => {
      const entry = await source.bytes(at + (number - 1) * 8, 8);
      const fragment = await itemAt(source, start + Number(entry.readBigUInt64LE()));
      if (fragment === undefined) throw misleading();
      return [fragment];
    };
  }
  if (table.length === frames * 4) {
    const offsetOf = async (index: number): Promise<number> =>
      (await source.bytes(table.at + index * 4, 4)).readUInt32LE();
    return async (number) => {
      const from = start + (await offsetOf(number - 1));
      const to = number < frames ? start + (await offsetOf(number)) : undefined;
      return fragmentsFrom(source, from, to);
    };
  }
  const all = await fragmentsFrom(source, start);
  if (frames === 1) return () => all;
  const groups = all.length === frames ? all.map((one) => [one]) : await grouped(source, all);
  if (groups.length !== frames) {
    throw new NotAcceptableError(
      'the frames of this instance cannot be told apart; the whole instance can be had',
    );
  }
  return (number) => groups[number - 1] ?? [];
}

async function grouped(
  source: ByteSource,
  fragments: readonly Fragment[],
): Promise<readonly (readonly Fragment[])[]> {
  const groups: Fragment[][] = [];
  for (const fragment of fragments) {
    const head = await source.bytes(fragment.at, Math.min(4, fragment.length));
    const isFirst = beginnings.some((beginning) => head.toString('hex').startsWith(beginning));
    if (isFirst || groups.length === 0) groups.push([]);
    groups.at(-1)?.push(fragment);
  }
  return groups;
}

/** @param to - where the next frame begins; `undefined` for the last one. */
async function fragmentsFrom(
  source: ByteSource,
  from: number,
  to = Infinity,
): Promise<readonly Fragment[]> {
  const found: Fragment[] = [];
  for (let position = from; position < to;) {
    const fragment = await itemAt(source, position);
    if (fragment === undefined) {
      if (to === Infinity) break;
      throw misleading();
    }
    if (found.length === maxFragments) {
      throw new NotAcceptableError('the instance has too many fragments to look for frames');
    }
    found.push(fragment);
    position = fragment.at + fragment.length;
  }
  return found;
}

/** `undefined` for the delimiter behind the last one. */
async function itemAt(source: ByteSource, position: number): Promise<Fragment | undefined> {
  const head = await source.bytes(position, itemHeadBytes);
  const tag = head.readUInt16LE(0) * 0x10000 + head.readUInt16LE(2);
  if (tag === sequenceDelimitation) return undefined;
  const length = head.readUInt32LE(4);
  const at = position + itemHeadBytes;
  if (tag !== item || at + length > source.end) throw misleading();
  return { at, length };
}

function misleading(): ObjectUnreadableError {
  return new ObjectUnreadableError('pixel data hold something that is no fragment');
}

function joined(file: Part10File, fragments: readonly Fragment[]): Frame {
  return {
    bytes: fragments.reduce((sum, { length }) => sum + length, 0),
    async *read() {
      for (const { at, length } of fragments) yield* file.stretch(at, length);
    },
  };
}
