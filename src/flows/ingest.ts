import type { ObjectInspector, ExpectedObject } from '../dicom/object-inspector.ts';
import type { StoreProvider, StoreRequest } from '../dimse/store-provider.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { ObjectTooLargeError } from '../errors/object-errors.ts';
import type { Spool, SpoolWriter } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import { formatStatus, storeStatus, storeStatusFor } from '../translate/c-store-status.ts';
import type { StoreStatus } from '../translate/c-store-status.ts';

/** What the journey counts. */
export interface IngestEvents {
  /** @param bytes - length of the data set; 0 when it was refused. */
  objectAnswered(status: number, bytes: number): void;
}

/**
 * C-STORE-RQ → spool → C-STORE-RSP.
 *
 * The data set goes from the association to the spool fragment by fragment while an inspector
 * follows its structure. Success is answered only after the spool said the object is durable; any
 * fault before that leaves nothing behind.
 */
export class Ingest implements StoreProvider {
  readonly #spool: Spool;
  readonly #inspect: (transferSyntaxUid: string, expected: ExpectedObject) => ObjectInspector;
  readonly #maxObjectBytes: number;
  readonly #events: IngestEvents;
  readonly #log: Logger;

  constructor(collaborators: {
    readonly spool: Spool;
    readonly inspect: (transferSyntaxUid: string, expected: ExpectedObject) => ObjectInspector;
    readonly maxObjectBytes: number;
    readonly events: IngestEvents;
    readonly log: Logger;
  }) {
    this.#spool = collaborators.spool;
    this.#inspect = collaborators.inspect;
    this.#maxObjectBytes = collaborators.maxObjectBytes;
    this.#events = collaborators.events;
    this.#log = collaborators.log;
  }

  /** @throws what the association broke with; every other fault becomes a status. */
  async store(request: StoreRequest): Promise<StoreStatus> {
    let writer: SpoolWriter | undefined;
    try {
      writer = await this.#spool.receive(request);
      const bytes = await this.#receive(request, writer);
      this.#events.objectAnswered(storeStatus.success, bytes);
      return { status: storeStatus.success };
    } catch (error) {
      await writer?.discard();
      if (endsAssociation(error)) throw error;
      const status = storeStatusFor(error);
      this.#events.objectAnswered(status.status, 0);
      this.#logRefusal(request, status, error);
      return status;
    }
  }

  #logRefusal(request: StoreRequest, { status, errorComment }: StoreStatus, error: unknown): void {
    const { sopInstanceUid, sopClassUid, callingAeTitle } = request;
    const fields = { sopInstanceUid, sopClassUid, callingAeTitle, status: formatStatus(status) };
    const message = `object refused: ${errorComment ?? ''}`;
    if (error instanceof BridgeError) this.#log.warn({ ...fields, ...error.facts }, message);
    else this.#log.error({ ...fields, err: error }, message);
  }

  async #receive(request: StoreRequest, writer: SpoolWriter): Promise<number> {
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
    await writer.commit(await inspector.finish());
    return bytes;
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
