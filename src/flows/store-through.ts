import { decide } from '../access/decide.ts';
import type { Principal } from '../access/principal.ts';
import type { TenantRule } from '../access/tenant-rule.ts';
import type { Archive } from '../archive/archive.ts';
import type { AnswerOptions } from '../archive/dicomweb-origin.ts';
import type { ArrivingObject, StoreOrigin } from '../archive/store-origin.ts';
import {
  ContentTooLargeError,
  InvalidQuestionError,
  UnsupportedMediaTypeError,
} from '../errors/request-errors.ts';
import { parseMediaType } from '../multipart/media-type.ts';
import { MultipartError } from '../multipart/multipart-error.ts';
import { parseMultipartRelated } from '../multipart/parser.ts';
import type { StoreInstancesRequest } from '../translate/dicomweb-request.ts';
import type { StoreInstancesResponse } from '../translate/store-instances-response.ts';
import { writeStoreReport } from '../translate/store-report.ts';
import type { StoreReport } from '../translate/store-report.ts';
import { isInOtherStudy } from './is-in-other-study.ts';
import { permissionOf } from './permission.ts';
import { StoreIntake } from './store-intake.ts';

/** The body of a request to store something. */
export interface StoreContent {
  /** Value of its Content-Type header. */
  readonly contentType: string;
  /** Nobody changes a chunk any more once it was given. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** Nobody sends a study of more in one request; what is noted of each part is held to the end. */
const maxParts = 20_000;

const nobodyNamed: StoreInstancesResponse = { kept: new Map(), failed: new Map() };

/**
 * A client stores: who calls → what they may add to → each object on to the archive while it comes in
 * → what the archive said of each (PS3.18 §10.5).
 *
 * Before the first byte of an object goes on, its head has told which instance it is. What does not
 * belong is left out, and the answer says so. When nothing is left, the archive hears nothing at all.
 */
export class StoreThrough {
  readonly #origin: StoreOrigin;
  readonly #archive: Pick<Archive, 'search'>;
  readonly #tenantRule: TenantRule | undefined;

  constructor(options: {
    readonly origin: StoreOrigin;
    /** The same archive, asked by ourselves: for callers who may touch a part of it only. */
    readonly archive: Pick<Archive, 'search'>;
    /** Which tenants there are; none unless told. */
    readonly tenantRule?: TenantRule;
  }) {
    this.#origin = options.origin;
    this.#archive = options.archive;
    this.#tenantRule = options.tenantRule;
  }

  /**
   * @throws {@link InsufficientScopeError}, {@link UnknownTenantError};
   *   {@link UnsupportedMediaTypeError}, {@link InvalidQuestionError}, {@link ContentTooLargeError},
   *   {@link ObjectUnreadableError} for what was sent; what the origin and the chunks throw.
   */
  async storeInstances(
    principal: Principal,
    request: StoreInstancesRequest,
    { contentType, chunks }: StoreContent,
    { signal, publicRoot, trace }: AnswerOptions,
  ): Promise<StoreReport> {
    const { studyInstanceUid } = request;
    const permission = permissionOf(decide(principal, 'store', request, this.#tenantRule));
    refuseOtherMediaTypes(contentType);
    const intake = new StoreIntake({
      permission,
      pathStudy: studyInstanceUid,
      isForeign: (sop, studies) => isInOtherStudy(sop, studies, this.#archive, { signal }),
    });
    let answer = nobodyNamed;
    try {
      const parts = parseMultipartRelated({ contentType, body: chunks, maxParts });
      const objects = intake.objects(parts);
      const first = await objects.next();
      if (first.done !== true) {
        const passing = rejoined(first.value, objects);
        answer = await this.#origin.storeArriving(passing, { studyInstanceUid, signal, trace });
      }
    } catch (error) {
      throw error instanceof MultipartError ? ofTheClient(error) : error;
    }
    return writeStoreReport(intake.fates(), answer, publicRoot);
  }
}

/** PS3.18 §10.5.2 has two more forms, made of metadata and bulk data: the archive would have to put them together. */
function refuseOtherMediaTypes(contentType: string): void {
  const mediaType = parseMediaType(contentType);
  if (mediaType === undefined) throw new InvalidQuestionError('the Content-Type is malformed');
  const type = parseMediaType(mediaType.parameters.get('type') ?? '');
  if (mediaType.essence !== 'multipart/related' || type?.essence !== 'application/dicom') {
    throw new UnsupportedMediaTypeError(
      'objects are stored as multipart/related; type="application/dicom"',
    );
  }
}

async function* rejoined(
  first: ArrivingObject,
  rest: AsyncIterable<ArrivingObject>,
): AsyncGenerator<ArrivingObject> {
  yield first;
  yield* rest;
}

function ofTheClient({ fault, message }: MultipartError): Error {
  return fault === 'too-many-parts'
    ? new ContentTooLargeError(`the request has ${message}`)
    : new InvalidQuestionError(`the request body cannot be read: ${message}`);
}
