import type { ObjectInspector, ExpectedObject } from '../dicom/object-inspector.ts';
import type { StoreProvider, StoreRequest } from '../dimse/store-provider.ts';
import { AssociationAbortedError } from '../errors/association-errors.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { ObjectTooLargeError } from '../errors/object-errors.ts';
import type { Spool, SpoolEntry, SpoolWriter } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import {
  formatStatus,
  isStored,
  storeStatus,
  storeStatusFor,
  storeStatusOf,
} from '../translate/c-store-status.ts';
import type { StoreStatus } from '../translate/c-store-status.ts';
import type { ArchiveConfirmations, Confirmation } from './archive-confirmation.ts';

/** What the journey counts. */
export interface IngestEvents {
  /** @param bytes - length of the data set; 0 when nothing of it was kept. */
  objectAnswered(status: number, bytes: number): void;
}

/**
 * C-STORE-RQ → spool → C-STORE-RSP.
 *
 * The data set goes from the association to the spool fragment by fragment while an inspector
 * follows its structure. Success is answered only after the spool said the object is durable; any
 * fault before that leaves nothing behind. Where the archive's word is asked for
 * (`STORE_ACK=archived`), the answer then waits for it; the object stays in the spool either way.
 */
export class Ingest implements StoreProvider {
  readonly #spool: Spool;
  readonly #inspect: (transferSyntaxUid: string, expected: ExpectedObject) => ObjectInspector;
  readonly #maxObjectBytes: number;
  readonly #urgentModalities: ReadonlySet<string>;
  readonly #confirmations: ArchiveConfirmations | undefined;
  readonly #events: IngestEvents;
  readonly #log: Logger;

  constructor(collaborators: {
    readonly spool: Spool;
    readonly inspect: (transferSyntaxUid: string, expected: ExpectedObject) => ObjectInspector;
    readonly maxObjectBytes: number;
    /** Values of Modality (0008,0060) that make an object urgent, whatever the command says. */
    readonly urgentModalities?: ReadonlySet<string>;
    /** Where the archive has to confirm an object before it is answered. */
    readonly confirmations?: ArchiveConfirmations | undefined;
    readonly events: IngestEvents;
    readonly log: Logger;
  }) {
    this.#spool = collaborators.spool;
    this.#inspect = collaborators.inspect;
    this.#maxObjectBytes = collaborators.maxObjectBytes;
    this.#urgentModalities = collaborators.urgentModalities ?? new Set();
    this.#confirmations = collaborators.confirmations;
    this.#events = collaborators.events;
    this.#log = collaborators.log;
  }

  /** @throws what the association broke with; every other fault becomes a status. */
  async store(request: StoreRequest): Promise<StoreStatus> {
    let writer: SpoolWriter | undefined;
    const confirmation = this.#confirmations?.expect();
    try {
      writer = await this.#spool.receive(request);
      const { entry, bytes } = await this.#receive(request, writer);
      this.#logStored(request, entry, bytes);
      const status = await this.#statusOf(entry, request, confirmation);
      this.#events.objectAnswered(status.status, bytes);
      return status;
    } catch (error) {
      confirmation?.cancel();
      await writer?.discard();
      if (endsAssociation(error)) throw error;
      const status = storeStatusFor(error);
      this.#events.objectAnswered(status.status, 0);
      this.#logRefusal(request, status, error);
      return status;
    }
  }

  async #statusOf(
    entry: SpoolEntry,
    { association, ended }: StoreRequest,
    confirmation: Confirmation | undefined,
  ): Promise<StoreStatus> {
    if (confirmation === undefined) return { status: storeStatus.success };
    const outcome = await confirmation.of(entry, ended);
    // The object is safe and goes its way; but nobody can be told.
    if (outcome === undefined) {
      throw new AssociationAbortedError('the association ended before the archive had answered');
    }
    const answer = storeStatusOf(outcome);
    if (!isStored(answer.status)) {
      const fields = { association, entry: entry.id, status: formatStatus(answer.status) };
      this.#log.warn(fields, `object not confirmed by the archive: ${answer.errorComment ?? ''}`);
    }
    return answer;
  }

  #logStored(
    { association, callingAeTitle }: StoreRequest,
    entry: SpoolEntry,
    bytes: number,
  ): void {
    const { id, urgent } = entry;
    this.#log.debug({ association, callingAeTitle, entry: id, bytes, urgent }, 'object stored');
  }

  #logRefusal(request: StoreRequest, { status, errorComment }: StoreStatus, error: unknown): void {
    const { association, sopInstanceUid, sopClassUid, callingAeTitle } = request;
    const identity = { association, sopInstanceUid, sopClassUid, callingAeTitle };
    const fields = { ...identity, status: formatStatus(status) };
    const message = `object refused: ${errorComment ?? ''}`;
    if (error instanceof BridgeError) this.#log.warn({ ...fields, ...error.facts }, message);
    else this.#log.error({ ...fields, err: error }, message);
  }

  async #receive(
    request: StoreRequest,
    writer: SpoolWriter,
  ): Promise<{ readonly entry: SpoolEntry; readonly bytes: number }> {
    const inspector = this.#inspect(request.transferSyntaxUid, request);
    let bytes = 0;
    for (;;) {
      const fragments = await request.dataSet.read();
      if (fragments === undefined) break;
      for (const fragment of fragments) {
        bytes += fragment.length;
        const pending = inspector.push(fragment);
        if (pending !== undefined) await pending;
      }
      if (bytes > this.#maxObjectBytes) {
        throw new ObjectTooLargeError({ limitBytes: this.#maxObjectBytes });
      }
      await writer.write(fragments);
    }
    const { modality, ...identity } = await inspector.finish();
    const urgent = modality !== undefined && this.#urgentModalities.has(modality);
    return { entry: await writer.commit(identity, { urgent }), bytes };
  }
}

function endsAssociation(error: unknown): boolean {
  return error instanceof BridgeError && associationEnds.has(error.code);
}

const associationEnds: ReadonlySet<string> = new Set([
  'association_aborted',
  'association_timeout',
  'protocol_violation',
]);
