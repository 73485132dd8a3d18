import { parseUid } from '../dicom/uid.ts';
import { NotAcceptableError } from '../errors/request-errors.ts';
import { parseMediaRange, splitOutsideQuotes } from '../multipart/media-type.ts';

/** A form a resource can be had in. */
export interface Representation {
  /** `multipart` is `multipart/related` with parts of the media type. */
  readonly framing: 'single' | 'multipart';
  readonly mediaType: string;
  /** `*` is as stored; `undefined` is the default of the media type (PS3.18 §8.7.3). */
  readonly transferSyntax?: string | undefined;
}

/** What a resource can be had as. */
export interface Offer {
  /** Best first; a client that takes anything gets the first. */
  readonly forms: readonly Representation[];
  /** Says whether a form that is none of these can be had too, when a client asks for just that. */
  readonly onRequest?: (form: Representation) => boolean;
  /** Other names that media types had or are given. */
  readonly aliases?: Readonly<Record<string, string>>;
}

/** One element of an Accept header; the media type may be a range, as `image/*`. */
interface AcceptedRange {
  readonly framing: 'single' | 'multipart' | 'any';
  readonly mediaType: string;
  readonly transferSyntax: string | undefined;
  /** 0 means never. */
  readonly quality: number;
}

const maxElements = 64;
const weightPattern = /^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Chooses among the forms of a resource (RFC 9110 §12.5.1, PS3.18 §8.7.5).
 *
 * Of what a client likes equally it gets what is stored, for that costs nobody a conversion, and else
 * what it named first. An element that cannot be read is passed over.
 *
 * @param accept - the header, or the query parameter of that name; `undefined` takes anything.
 * @returns what the client takes, best first; at least one.
 * @throws {@link NotAcceptableError} with the list of what there is.
 */
export function chooseForms(
  accept: string | undefined,
  offer: Offer,
): readonly [Representation, ...Representation[]] {
  const ranges = accept === undefined || accept.trim() === '' ? [anything] : readAccept(accept);
  const [first, ...rest] = acceptedForms(ranges, offer)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || storedFirst(a.form, b.form) || a.position - b.position)
    .map(({ form }) => form);
  if (first === undefined) {
    throw new NotAcceptableError(`this can be had as ${offer.forms.map(written).join(', ')}`);
  }
  return [first, ...rest];
}

/**
 * Says no where text is wanted in another character set than the only one there is.
 *
 * @param charset - the query parameter of that name (PS3.18 §8.3.3.2).
 */
export function requireUtf8(charset: string | undefined): void {
  const names = charset?.split(',').map((element) => element.split(';')[0]?.trim().toLowerCase());
  if (names === undefined || names.some((name) => utf8Names.has(name ?? ''))) return;
  throw new NotAcceptableError('all text here is UTF-8');
}

const utf8Names: ReadonlySet<string> = new Set(['utf-8', 'utf8', '*']);

const anything: AcceptedRange = {
  framing: 'any',
  mediaType: '*/*',
  transferSyntax: undefined,
  quality: 1,
};

function readAccept(text: string): readonly AcceptedRange[] {
  return splitOutsideQuotes(text, ',')
    .slice(0, maxElements)
    .flatMap((element) => readElement(element) ?? []);
}

function readElement(text: string): AcceptedRange | undefined {
  const range = parseMediaRange(text);
  if (range === undefined) return undefined;
  const weight = range.parameters.get('q') ?? '1';
  if (!weightPattern.test(weight)) return undefined;
  const quality = Number(weight);
  const ownSyntax = range.parameters.get('transfer-syntax');
  if (!range.essence.startsWith('multipart/')) {
    const framing = range.essence === '*/*' ? 'any' : 'single';
    return withSyntax(ownSyntax, { framing, mediaType: range.essence, quality });
  }
  // Only in this one do archives send parts that belong together (PS3.18 §8.6.1.2.1).
  if (range.essence !== 'multipart/*' && range.essence !== 'multipart/related') return undefined;
  const parts = parseMediaRange(range.parameters.get('type') ?? '*/*');
  if (parts === undefined) return undefined;
  // Some write `type="application/dicom; transfer-syntax=*"`, all in quotes.
  const transferSyntax = ownSyntax ?? parts.parameters.get('transfer-syntax');
  return withSyntax(transferSyntax, { framing: 'multipart', mediaType: parts.essence, quality });
}

function withSyntax(
  transferSyntax: string | undefined,
  range: Omit<AcceptedRange, 'transferSyntax'>,
): AcceptedRange | undefined {
  if (transferSyntax === undefined || transferSyntax === '*') return { ...range, transferSyntax };
  const uid = parseUid(transferSyntax);
  return uid === undefined ? undefined : { ...range, transferSyntax: uid };
}

interface AcceptedForm {
  readonly form: Representation;
  readonly quality: number;
  /** Where in the header it was named. */
  readonly position: number;
}

/** Every form some element allows; the most specific element that speaks of a form decides on it. */
function acceptedForms(ranges: readonly AcceptedRange[], offer: Offer): readonly AcceptedForm[] {
  const decided = new Map<string, AcceptedForm & { readonly specificity: number }>();
  for (const [position, range] of ranges.entries()) {
    const specificity = specificityOf(range);
    for (const form of formsOf(range, offer)) {
      const key = written(form);
      const before = decided.get(key);
      if (before !== undefined && before.specificity >= specificity) continue;
      decided.set(key, { form, quality: range.quality, position, specificity });
    }
  }
  return [...decided.values()];
}

/** What of an offer an element of the header speaks of. */
function formsOf(named: AcceptedRange, offer: Offer): readonly Representation[] {
  const { forms, onRequest, aliases = {} } = offer;
  const range = { ...named, mediaType: aliases[named.mediaType] ?? named.mediaType };
  const { framing, mediaType, transferSyntax } = range;
  const matching = forms.filter((form) => matches(range, form));
  if (transferSyntax === undefined && matching.length > 0) return matching;
  const concrete =
    framing === 'any' || mediaType.includes('*') ? matching : [{ framing, mediaType }];
  return concrete
    .map((form) => ({ ...form, transferSyntax }))
    .filter((form) => onRequest?.(form) === true);
}

function matches(range: AcceptedRange, form: Representation): boolean {
  if (range.framing !== 'any' && range.framing !== form.framing) return false;
  if (range.mediaType === '*/*' || range.mediaType === form.mediaType) return true;
  return range.mediaType.endsWith('/*') && form.mediaType.startsWith(range.mediaType.slice(0, -1));
}

function specificityOf({ framing, mediaType }: AcceptedRange): number {
  if (framing === 'any') return 0;
  if (mediaType === '*/*') return 1;
  return mediaType.endsWith('/*') ? 2 : 3;
}

function storedFirst(a: Representation, b: Representation): number {
  return Number(b.transferSyntax === '*') - Number(a.transferSyntax === '*');
}

/** As it would stand in an Accept header. */
function written({ framing, mediaType, transferSyntax }: Representation): string {
  const syntax = transferSyntax === undefined ? '' : `; transfer-syntax=${transferSyntax}`;
  return framing === 'single'
    ? `${mediaType}${syntax}`
    : `multipart/related; type="${mediaType}"${syntax}`;
}
