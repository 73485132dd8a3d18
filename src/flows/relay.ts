import { decide } from '../access/decide.ts';
import type { Principal } from '../access/principal.ts';
import type { TenantRule } from '../access/tenant-rule.ts';
import type { Archive } from '../archive/archive.ts';
import type { AnswerOptions, DicomwebOrigin, ReadRequest } from '../archive/dicomweb-origin.ts';
import { NotAcceptableError } from '../errors/request-errors.ts';
import type { ResponseSink } from '../translate/response-sink.ts';
import { MembershipProof } from './membership-proof.ts';
import { notThere, permissionOf } from './permission.ts';
import { searchGrantedStudies } from './search-granted-studies.ts';

interface RelayOptions {
  /** Whoever has the objects. */
  readonly origin: DicomwebOrigin;
  /** The same archive, asked by ourselves: for callers who may see a part of it only. */
  readonly archive: Pick<Archive, 'search'>;
  /** Which tenants there are; none unless told. */
  readonly tenantRule?: TenantRule;
}

/**
 * A viewer reads: who calls → what they may see → the archive's answer, byte for byte.
 *
 * Whoever is limited to some studies sees an archive that has no others: searches are asked of each
 * of these studies, and everything else is not there.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #membership: MembershipProof;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#membership = new MembershipProof(options.archive);
  }

  /**
   * Writes the answer to the sink.
   *
   * @throws {@link InsufficientScopeError}, {@link UnknownTenantError}, {@link NotFoundError} (also for
   *   what exists outside the caller's grant), and what the origin throws.
   */
  async answer(
    principal: Principal,
    request: ReadRequest,
    sink: ResponseSink,
    options: AnswerOptions,
  ): Promise<void> {
    const { archive, tenantRule } = this.#options;
    const isSearch = request.kind === 'search';
    const { studyInstanceUid } = isSearch ? request : request.selector;
    const action = isSearch ? 'search' : 'retrieve';
    const decision = decide(principal, action, { studyInstanceUid }, tenantRule);
    const { onlyStudies } = permissionOf(decision);
    if (isSearch && onlyStudies !== undefined) {
      return searchGrantedStudies(request, sink, { ...options, archive, onlyStudies });
    }
    if (!isSearch && principal.studies !== undefined) {
      const isInside = await this.#membership.holds(request.selector, options);
      if (!isInside) throw notThere();
    }
    return this.#answerInBestForm(request, sink, options);
  }

  /** What an archive cannot give in one form it may have in the next the client takes. */
  async #answerInBestForm(
    request: ReadRequest,
    sink: ResponseSink,
    options: AnswerOptions,
  ): Promise<void> {
    const { origin } = this.#options;
    const next = 'otherwise' in request ? request.otherwise : undefined;
    try {
      await origin.answer(request, sink, options);
    } catch (error) {
      if (next === undefined || !(error instanceof NotAcceptableError)) throw error;
      await this.#answerInBestForm(next, sink, options);
    }
  }
}
