import { mayTouchStudy } from '../access/decide.ts';
import type { ArrivingObject } from '../archive/store-origin.ts';
import { encodeFileHeader } from '../dicom/part10.ts';
import type { FileHeader } from '../dicom/part10.ts';
import { dataSetEncodingOf } from '../dicom/transfer-syntax.ts';
import type { Uid } from '../dicom/uid.ts';
import { ObjectUnreadableError } from '../errors/object-errors.ts';
import { InvalidQuestionError } from '../errors/request-errors.ts';
import { parseMediaType } from '../multipart/media-type.ts';
import type { ReceivedPart } from '../multipart/parser.ts';
import { failureReasons } from '../translate/store-report.ts';
import type { PartFate, ReportedInstance } from '../translate/store-report.ts';
import { readObjectHead, unambiguous } from './object-head.ts';
import type { ObjectHead } from './object-head.ts';
import type { Permission } from './permission.ts';

/** Says whether an instance is in a study that is none of these. */
type ForeignCheck = (sopInstanceUid: Uid, studies: ReadonlySet<Uid>) => Promise<boolean>;

interface StoreIntakeOptions {
  readonly permission: Permission;
  /** The only study objects may be of, where the request names one. */
  readonly pathStudy: Uid | undefined;
  /** Asked for callers who may touch some studies only. */
  readonly isForeign: ForeignCheck;
}

/** Looks at the parts of one request as they come, picks what may go on, and notes the fate of each. */
export class StoreIntake {
  readonly #permission: Permission;
  readonly #pathStudy: Uid | undefined;
  readonly #isForeign: ForeignCheck;
  readonly #fates: PartFate[] = [];
  #isOver = false;

  constructor({ permission, pathStudy, isForeign }: StoreIntakeOptions) {
    this.#permission = permission;
    this.#pathStudy = pathStudy;
    this.#isForeign = isForeign;
  }

  /**
   * The objects that may go on.
   *
   * @throws {@link InvalidQuestionError} when there is no part at all, {@link ObjectUnreadableError}
   *   when an object turns out ambiguous while it is read. What reading the parts threw.
   */
  async *objects(parts: AsyncIterable<ReceivedPart>): AsyncGenerator<ArrivingObject> {
    for await (const part of parts) {
      const object = await this.#judge(part);
      if (object !== undefined) yield object;
    }
    this.#isOver = true;
    if (this.#fates.length === 0) throw new InvalidQuestionError('the request has no part in it');
  }

  /** What became of all parts; those the archive did not wait for count as one. */
  fates(): readonly PartFate[] {
    if (this.#isOver) return this.#fates;
    return [...this.#fates, leftOut(failureReasons.processingFailure)];
  }

  async #judge({ headers, body }: ReceivedPart): Promise<ArrivingObject | undefined> {
    const mediaType = parseMediaType(headers.get('content-type') ?? '');
    const head =
      mediaType?.essence === 'application/dicom'
        ? await headIn(body[Symbol.asyncIterator]())
        : undefined;
    if (head === undefined) {
      this.#fates.push(leftOut(failureReasons.cannotUnderstand));
      return undefined;
    }
    const { sopClassUid, sopInstanceUid, ...rest } = head.identity;
    if (sopClassUid === undefined || sopInstanceUid === undefined) {
      this.#fates.push(leftOut(failureReasons.lacksIdentity, named(head)));
      return undefined;
    }
    const instance = { sopClassUid, sopInstanceUid, ...rest };
    const failureReason = await this.#reasonAgainst(head, sopInstanceUid);
    if (failureReason !== undefined) {
      this.#fates.push(leftOut(failureReason, instance));
      return undefined;
    }
    this.#fates.push({ kind: 'sent', instance });
    const file = this.#isLimited ? cleared(head, instance) : asItCame(head);
    return { sopInstanceUid, transferSyntaxUid: head.header.transferSyntaxUid, file };
  }

  async #reasonAgainst(
    { header, identity }: ObjectHead,
    sopInstanceUid: Uid,
  ): Promise<number | undefined> {
    const { studyInstanceUid } = identity;
    if (this.#pathStudy !== undefined && studyInstanceUid !== this.#pathStudy) {
      return failureReasons.studyMismatch;
    }
    const { onlyStudies } = this.#permission;
    if (onlyStudies === undefined) return undefined;
    // Of a deflated object only the beginning is ever seen: that proves nothing about the rest.
    const { deflated } = dataSetEncodingOf(header.transferSyntaxUid);
    const isInside = mayTouchStudy(this.#permission, studyInstanceUid) && !deflated;
    return isInside && !(await this.#isForeign(sopInstanceUid, onlyStudies))
      ? undefined
      : failureReasons.notAuthorised;
  }

  get #isLimited(): boolean {
    return this.#permission.onlyStudies !== undefined;
  }
}

async function headIn(chunks: AsyncIterator<Buffer>): Promise<ObjectHead | undefined> {
  try {
    return await readObjectHead(chunks);
  } catch (error) {
    if (error instanceof ObjectUnreadableError) return undefined;
    throw error;
  }
}

function leftOut(failureReason: number, instance?: ReportedInstance): PartFate {
  return { kind: 'left-out', instance, failureReason };
}

/** What group 0002 calls an object that does not say itself what it is. */
function named({ header, identity }: ObjectHead): ReportedInstance | undefined {
  const sopClassUid = identity.sopClassUid ?? header.sopClassUid;
  const sopInstanceUid = identity.sopInstanceUid ?? header.sopInstanceUid;
  if (sopClassUid === undefined || sopInstanceUid === undefined) return undefined;
  return { sopClassUid, sopInstanceUid };
}

async function* asItCame({ start, dataSet }: ObjectHead): AsyncGenerator<Buffer> {
  yield start;
  yield* dataSet;
}

/**
 * For callers who may touch some studies only: an object that no reader can take for one of another
 * study. Group 0002 is written anew, since one with two transfer syntaxes makes two objects of the same
 * bytes.
 */
async function* cleared(
  { header, dataSet }: ObjectHead,
  { sopClassUid, sopInstanceUid }: ReportedInstance,
): AsyncGenerator<Buffer> {
  yield encodeFileHeader({
    ...aeTitlesIn(header),
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid: header.transferSyntaxUid,
  });
  yield* unambiguous(dataSet, dataSetEncodingOf(header.transferSyntaxUid));
}

function aeTitlesIn({ sourceAeTitle, sendingAeTitle, receivingAeTitle }: FileHeader) {
  return {
    ...(sourceAeTitle && { sourceAeTitle }),
    ...(sendingAeTitle && { sendingAeTitle }),
    ...(receivingAeTitle && { receivingAeTitle }),
  };
}
