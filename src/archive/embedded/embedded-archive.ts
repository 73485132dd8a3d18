import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { Part10Source, RetrievedObject } from '../../dicom/instance.ts';
import { dataSetOf, readOnce } from '../../dicom/part10-stream.ts';
import type { Uid } from '../../dicom/uid.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import { NotFoundError, OriginUnavailableError } from '../../errors/origin-errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ResponseSink } from '../../translate/response-sink.ts';
import type { StoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { InstanceOutcome, StowVerdict } from '../../translate/stow-verdict.ts';
import type { Archive, InstanceSelector, SearchQuery } from '../archive.ts';
import type { AnswerOptions, DicomwebOrigin, ReadRequest } from '../dicomweb-origin.ts';
import type { ArrivingObject, StoreOrigin } from '../store-origin.ts';
import { ArchiveFolder, readFileInChunks } from './archive-folder.ts';
import { ArchiveIndex } from './archive-index.ts';
import type { IndexedInstance } from './archive-index.ts';
import { EmbeddedOrigin } from './embedded-origin.ts';
import { IndexFile } from './index-file.ts';
import { pickAttributes } from './indexed-attributes.ts';
import { readPart10Head } from './part10-reader.ts';
import { searchIndex } from './search-index.ts';
import { storeArriving } from './store-arriving.ts';
import type { SingleReading } from './store-arriving.ts';
import { uidIn } from './uid-in.ts';

interface Cancellable {
  readonly signal: AbortSignal;
}

/**
 * An archive of plain DICOM files in this process, for trying the bridge out and for tests.
 *
 * What `store` calls delivered is on stable storage. The same SOP Instance UID again replaces what
 * was there. The index is a cache: delete it, and the next start reads the files instead.
 */
export class EmbeddedArchive implements Archive, DicomwebOrigin, StoreOrigin {
  readonly #folder: ArchiveFolder;
  readonly #indexFile: IndexFile;
  readonly #index = new ArchiveIndex();
  readonly #log: Logger;
  readonly #origin: EmbeddedOrigin;
  #opened: Promise<void> | undefined;

  constructor({ folder, log }: { readonly folder: string; readonly log: Logger }) {
    this.#folder = new ArchiveFolder(folder);
    this.#indexFile = new IndexFile(join(folder, 'index.jsonl'));
    this.#log = log;
    this.#origin = new EmbeddedOrigin({
      index: this.#index,
      pathOf: (instance) => this.#folder.pathOf(instance),
      readAttributes: this.#readAttributes,
    });
  }

  /** Makes the folder and reads the index; other calls wait for it, and do it when nobody has. */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error: unknown) => {
      this.#opened = undefined; // the next call tries again: the disk may be back
      throw error;
    });
    return this.#opened;
  }

  async store(batch: readonly Part10Source[], { signal }: Cancellable): Promise<StowVerdict> {
    signal.throwIfAborted();
    try {
      await this.open();
    } catch (error) {
      this.#log.error({ err: error }, 'embedded archive cannot be opened');
      return { kind: 'retry', message: 'the archive folder cannot be used' };
    }
    const outcomes = new Map<Uid, InstanceOutcome>();
    for (const source of batch) {
      outcomes.set(source.sopInstanceUid, await this.#storeOne(source, signal));
    }
    return { kind: 'each', outcomes };
  }

  async search(query: SearchQuery, { signal }: Cancellable): Promise<readonly DicomJson[]> {
    await this.open();
    const found: DicomJson[] = [];
    const results = searchIndex(this.#index, query, (instance) => {
      signal.throwIfAborted();
      return this.#readAttributes(instance);
    });
    for await (const { attributes } of results) found.push(attributes);
    return found;
  }

  async *retrieve(
    selector: InstanceSelector,
    { signal }: Cancellable,
  ): AsyncGenerator<RetrievedObject> {
    for (const instance of await this.#select(selector)) {
      signal.throwIfAborted();
      const path = this.#folder.pathOf(instance);
      const { sopInstanceUid, sopClassUid, transferSyntaxUid } = instance;
      const dataSet = readOnce(dataSetOf(readFileInChunks(path)));
      yield { sopInstanceUid, sopClassUid, transferSyntaxUid, dataSet };
    }
  }

  async metadata(
    selector: InstanceSelector,
    { signal }: Cancellable,
  ): Promise<readonly DicomJson[]> {
    const found: DicomJson[] = [];
    for (const instance of await this.#select(selector)) {
      signal.throwIfAborted();
      found.push(await this.#readAttributes(instance));
    }
    return found;
  }

  async answer(request: ReadRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    await this.#openForOthers();
    await this.#origin.answer(request, sink, options);
  }

  async storeArriving(
    objects: AsyncIterable<ArrivingObject>,
    { signal }: Cancellable,
  ): Promise<StoreInstancesResponse> {
    await this.#openForOthers();
    return storeArriving(objects, (object) => this.#storeOne(object, signal));
  }

  async close(): Promise<void> {
    await this.#opened?.catch(() => undefined);
    await this.#indexFile.settled();
  }

  async #openForOthers(): Promise<void> {
    await this.open().catch((error: unknown) => {
      throw new OriginUnavailableError('the archive folder cannot be used', { cause: error });
    });
  }

  async #open(): Promise<void> {
    await this.#folder.open();
    const known = await this.#indexFile.read();
    let stale = 0;
    for await (const place of this.#folder.places()) {
      const path = this.#folder.pathOf(place);
      const { size, mtimeMs } = await stat(path);
      const line = known.get(place.sopInstanceUid);
      const holds =
        line?.studyInstanceUid === place.studyInstanceUid &&
        line.seriesInstanceUid === place.seriesInstanceUid &&
        line.bytes === size &&
        line.modifiedAtMs === mtimeMs;
      if (holds) this.#index.put(line);
      else {
        stale += 1;
        await this.#readIntoIndex(path, place.sopInstanceUid);
      }
    }
    const held = [...this.#index.complete()];
    if (stale > 0 || held.length !== known.size) await this.#indexFile.rewrite(held);
  }

  /** A file somebody put or left here that cannot be read is passed over, not lost. */
  async #readIntoIndex(path: string, sopInstanceUid: Uid): Promise<void> {
    try {
      const instance = await readInstance(path);
      if (instance.sopInstanceUid === sopInstanceUid) this.#index.put(instance);
    } catch (error) {
      if (!(error instanceof ObjectUnreadableError)) throw error;
      this.#log.warn(
        { err: error, sopInstanceUid },
        'embedded archive holds a file it cannot read',
      );
    }
  }

  async #storeOne(source: SingleReading, signal: AbortSignal): Promise<InstanceOutcome> {
    let received: string | undefined;
    try {
      received = await this.#folder.receive(source, signal);
      const instance = await readInstance(received);
      if (instance.sopInstanceUid !== source.sopInstanceUid) {
        throw new ObjectUnreadableError('SOP Instance UID is not the one announced');
      }
      const previous = this.#index.instance(instance.sopInstanceUid);
      const path = await this.#folder.commit(received, instance);
      received = undefined;
      if (previous !== undefined && this.#folder.pathOf(previous) !== path) {
        await this.#folder.remove(previous);
      }
      this.#index.put(instance);
      await this.#indexFile.append(instance);
      return { kind: 'delivered' };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ObjectUnreadableError) {
        return { kind: 'set-aside', message: error.message, failureReason: 0xc000 };
      }
      this.#log.error({ err: error }, 'embedded archive cannot store');
      return {
        kind: 'retry',
        message: 'the archive folder cannot be written',
        failureReason: 0xa700,
      };
    } finally {
      if (received !== undefined) await this.#folder.discard(received);
    }
  }

  readonly #readAttributes = async (instance: IndexedInstance): Promise<DicomJson> =>
    (await readPart10Head(this.#folder.pathOf(instance))).attributes;

  async #select(selector: InstanceSelector): Promise<readonly IndexedInstance[]> {
    await this.open();
    const found = this.#index.select(selector);
    if (found.length === 0) throw new NotFoundError('the archive does not hold it');
    return found;
  }
}

/** Reads what the index wants to know of an object. */
async function readInstance(path: string): Promise<IndexedInstance> {
  const { attributes, ...file } = await readPart10Head(path);
  const [studyInstanceUid, seriesInstanceUid, sopInstanceUid, sopClassUid] = [
    uidIn(attributes, '0020000D'),
    uidIn(attributes, '0020000E'),
    uidIn(attributes, '00080018'),
    uidIn(attributes, '00080016'),
  ];
  if (!studyInstanceUid || !seriesInstanceUid || !sopInstanceUid || !sopClassUid) {
    throw new ObjectUnreadableError('a UID is missing: study, series, SOP instance or SOP class');
  }
  const indexed = {
    ...pickAttributes(attributes, 'study'),
    ...pickAttributes(attributes, 'series'),
    ...pickAttributes(attributes, 'instance'),
  };
  const identity = { studyInstanceUid, seriesInstanceUid, sopInstanceUid, sopClassUid };
  return { ...identity, ...file, attributes: indexed };
}
