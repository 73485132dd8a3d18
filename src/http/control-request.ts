import { parseUid } from '../dicom/uid.ts';

/** The request makes no sense; the message says why, and may be shown. */
export class InvalidRequestError extends Error {
  override readonly name = 'InvalidRequestError';
}

/** Which entries an order is about; what is left out does not limit. */
export interface EntryFilter<State extends string> {
  readonly ids?: readonly string[];
  readonly destination?: string;
  readonly studyInstanceUid?: string;
  readonly states?: readonly State[];
  /** Milliseconds since the epoch, both inclusive. */
  readonly arrivedFrom?: number;
  readonly arrivedUntil?: number;
}

/** One page of a list. */
interface ListRequest<State extends string> {
  readonly filter: EntryFilter<State>;
  readonly limit: number;
  readonly offset: number;
}

/** More in one answer would be held in memory as a whole. */
const maxLimit = 10_000;
const maxIds = 100_000;

/** @throws {@link InvalidRequestError} */
export function readListRequest<State extends string>(
  body: unknown,
  states: readonly State[],
): ListRequest<State> {
  const { filter, limit, offset } = readMembers(body, {
    filter: asItIs,
    limit: wholeNumber(maxLimit),
    offset: wholeNumber(Number.MAX_SAFE_INTEGER),
  });
  if (limit === undefined) throw new InvalidRequestError('limit is missing');
  return { filter: readFilter(filter, states), limit, offset: offset ?? 0 };
}

/** @throws {@link InvalidRequestError} */
export function readFilterRequest<State extends string>(
  body: unknown,
  states: readonly State[],
): EntryFilter<State> {
  const { filter } = readMembers(body, { filter: asItIs });
  // An order that forgot to say what it means must not mean everything.
  if (filter === undefined) throw new InvalidRequestError('filter is missing');
  return readFilter(filter, states);
}

/** @throws {@link InvalidRequestError} */
export function readDestinationRequest(body: unknown): string {
  const { destination } = readMembers(body, { destination: text });
  if (destination === undefined) throw new InvalidRequestError('destination is missing');
  return destination;
}

function readFilter<State extends string>(
  filter: unknown,
  states: readonly State[],
): EntryFilter<State> {
  return readMembers(filter ?? {}, {
    ids: listOf(text, maxIds),
    destination: text,
    studyInstanceUid: (value: unknown) => parseUid(text(value) ?? ''),
    states: listOf((value) => states.find((state) => state === value), states.length),
    arrivedFrom: wholeNumber(Number.MAX_SAFE_INTEGER),
    arrivedUntil: wholeNumber(Number.MAX_SAFE_INTEGER),
  });
}

/** Answers the value, or `undefined` when it is none of its kind. */
type Reader = (value: unknown) => unknown;
type Members<Readers> = {
  readonly [Name in keyof Readers]?: Readers[Name] extends (value: unknown) => infer Value
    ? Exclude<Value, undefined>
    : never;
};

/** A member that nobody knows is refused: a filter misspelt would otherwise meet everything. */
function readMembers<Readers extends Readonly<Record<string, Reader>>>(
  body: unknown,
  readers: Readers,
): Members<Readers> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new InvalidRequestError('the body is no JSON object');
  }
  const members: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(body)) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw new InvalidRequestError('a member of the body is not known');
    const value = read(given);
    if (value === undefined) throw new InvalidRequestError(`${name} is not valid`);
    members[name] = value;
  }
  // Each member was made by the reader its type is inferred from.
  return members as Members<Readers>;
}

function asItIs(value: unknown): unknown {
  return value;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 200 ? value : undefined;
}

function wholeNumber(max: number): (value: unknown) => number | undefined {
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max
      ? (value as number)
      : undefined;
}

function listOf<T>(
  read: (value: unknown) => T | undefined,
  max: number,
): (value: unknown) => readonly T[] | undefined {
  return (value) => {
    if (!Array.isArray(value) || value.length > max) return undefined;
    const items = value.map(read);
    return items.every((item) => item !== undefined) ? items : undefined;
  };
}
