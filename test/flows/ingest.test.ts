import { describe, expect, it, vi } from 'vitest';
import { inspectPlainDataSet } from '../../src/dicom/object-inspector.ts';
import type { StoreRequest } from '../../src/dimse/store-provider.ts';
import { AssociationAbortedError } from '../../src/errors/association-errors.ts';
import { SpoolFullError, SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import { ArchiveConfirmations } from '../../src/flows/archive-confirmation.ts';
import { Ingest } from '../../src/flows/ingest.ts';
import { explicitElement } from '../support/data-set.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { aeTitle, uid } from '../support/uid.ts';

const ctStorage = '1.2.840.10008.5.1.4.1.1.2';
const elements = {
  sopClass: explicitElement(0x00080016, 'UI', `${ctStorage}\0`),
  sopInstance: explicitElement(0x00080018, 'UI', '1.2.3\0'),
  study: explicitElement(0x0020000d, 'UI', '1.2\0'),
  series: explicitElement(0x0020000e, 'UI', '1.2.2\0'),
  pixelData: explicitElement(0x7fe00010, 'OW', Buffer.alloc(1000, 7)),
};
const whole = Object.values(elements);

function request(dataSet: readonly Buffer[], end?: Error): StoreRequest {
  const fragments = [...dataSet];
  return {
    callingAeTitle: aeTitle('CT01'),
    calledAeTitle: aeTitle('DRAWBRIDGE'),
    association: 'a5s0c1at',
    ended: new AbortController().signal,
    sopClassUid: uid(ctStorage),
    sopInstanceUid: uid('1.2.3'),
    transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
    urgent: false,
    dataSet: {
      read: () => {
        const next = fragments.shift();
        if (next === undefined && end !== undefined) return Promise.reject(end);
        return Promise.resolve(next === undefined ? undefined : [next]);
      },
    },
  };
}

function bench(
  maxObjectBytes = 1_000_000,
  options: {
    readonly urgentModalities?: ReadonlySet<string>;
    readonly confirmations?: ArchiveConfirmations;
  } = {},
) {
  const spool = new InMemorySpool();
  const log = recordingLogger();
  const answered: [status: number, bytes: number][] = [];
  const ingest = new Ingest({
    spool,
    inspect: (_syntax, expected) =>
      inspectPlainDataSet({ explicitVr: true, bigEndian: false }, expected),
    maxObjectBytes,
    ...options,
    events: { objectAnswered: (status, bytes) => answered.push([status, bytes]) },
    log,
  });
  return { ingest, spool, log, answered };
}

describe('Ingest', () => {
  it('answers success once the object is in the spool, byte for byte', async () => {
    const { ingest, spool, answered } = bench();

    expect(await ingest.store(request(whole))).toEqual({ status: 0x0000 });

    expect(spool.ready.map(({ bytes }) => bytes)).toEqual([Buffer.concat(whole)]);
    expect(spool.ready[0]?.entry.studyDigest).toBe('1.2');
    expect(answered).toEqual([[0x0000, Buffer.concat(whole).length]]);
  });

  it('B02 answers A900H with the offending elements when the UIDs differ, and keeps nothing', async () => {
    const { ingest, spool, answered } = bench();
    const other = [elements.sopClass, explicitElement(0x00080018, 'UI', '1.2.4\0'), elements.study];

    expect(await ingest.store(request(other))).toMatchObject({
      status: 0xa900,
      offendingElements: [0x00080018],
    });

    expect(spool).toMatchObject({ ready: [], discarded: 1 });
    expect(answered).toEqual([[0xa900, 0]]);
  });

  it.each([
    ['SOP Instance UID', [elements.sopClass, elements.study, elements.series], 0xa900],
    ['Study Instance UID', [elements.sopClass, elements.sopInstance, elements.series], 0xc000],
    ['Series Instance UID', [elements.sopClass, elements.sopInstance, elements.study], 0xc000],
  ])('B04 refuses a data set without %s', async (_what, dataSet, status) => {
    const { ingest, spool } = bench();

    const answer = await ingest.store(request(dataSet));

    expect(answer.status).toBe(status);
    expect(answer.errorComment).toMatch(/UID/);
    expect(spool).toMatchObject({ ready: [], discarded: 1 });
  });

  it('B16 answers C000H to a data set that ends inside its pixel data', async () => {
    const { ingest, spool } = bench();
    const cut = [...whole.slice(0, 4), elements.pixelData.subarray(0, 500)];

    expect(await ingest.store(request(cut))).toMatchObject({ status: 0xc000 });
    expect(spool).toMatchObject({ ready: [], discarded: 1 });
  });

  it('B07 answers A700H to an object over the limit', async () => {
    const { ingest, spool } = bench(500);

    expect(await ingest.store(request(whole))).toMatchObject({ status: 0xa700 });
    expect(spool).toMatchObject({ ready: [], discarded: 1 });
  });

  it.each([
    ['receive', new SpoolFullError('disk is nearly full', { freeBytes: 1 })],
    ['write', new SpoolFullError('disk is full', {})],
    ['commit', new SpoolUnavailableError('cannot write', new Error('EIO'))],
  ] as const)('C04 answers A700H when the spool fails at %s', async (step, error) => {
    const { ingest, spool, log } = bench();
    spool.faults = { [step]: error };

    expect(await ingest.store(request(whole))).toMatchObject({
      status: 0xa700,
      errorComment: error.message,
    });

    expect(spool.ready).toEqual([]);
    expect(spool.discarded).toBe(step === 'receive' ? 0 : 1);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toContain('"association":"a5s0c1at"');
  });

  it('gives the entry the name of its association, and one log line both', async () => {
    const { ingest, spool, log } = bench();

    await ingest.store(request(whole));

    const entry = spool.ready[0]?.entry;
    expect(entry?.association).toBe('a5s0c1at');
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatch(/^debug .*"association":"a5s0c1at".*object stored$/);
    expect(log.lines[0]).toContain(`"entry":"${entry?.id ?? ''}"`);
  });

  it.each([
    ['US', true],
    ['CT', false],
    [undefined, false],
  ])('makes an object of Modality %s urgent: %s', async (modality, urgent) => {
    const { ingest, spool } = bench(1_000_000, { urgentModalities: new Set(['CR', 'US']) });
    const { sopClass, sopInstance, study, series, pixelData } = elements;
    const named = modality === undefined ? [] : [explicitElement(0x00080060, 'CS', modality)];

    await ingest.store(request([sopClass, sopInstance, ...named, study, series, pixelData]));

    expect(spool.ready.map(({ entry }) => entry.urgent)).toEqual([urgent]);
  });

  it('leaves nothing behind and answers nobody when the association breaks', async () => {
    const { ingest, spool } = bench();
    const broken = new AssociationAbortedError('the peer aborted', { abortSource: 0 });

    await expect(ingest.store(request(whole.slice(0, 3), broken))).rejects.toBe(broken);

    expect(spool).toMatchObject({ ready: [], discarded: 1 });
  });

  describe('where the archive has to confirm an object', () => {
    function waiting(): ReturnType<typeof bench> & { confirmations: ArchiveConfirmations } {
      const confirmations = new ArchiveConfirmations({ timeoutMs: 60_000, now: Date.now });
      return { ...bench(1_000_000, { confirmations }), confirmations };
    }

    it('answers what the archive said of that very entry, after it is durable', async () => {
      const { ingest, spool, confirmations, answered } = waiting();

      const answer = ingest.store(request(whole));
      await vi.waitFor(() => expect(spool.ready).toHaveLength(1));
      const [kept] = spool.ready;
      if (kept === undefined) throw new Error('nothing was kept');
      confirmations.entryAnswered({ ...kept.entry, id: 'another' }, { kind: 'delivered' });
      expect(answered).toEqual([]);
      confirmations.entryAnswered(kept.entry, { kind: 'delivered', warningReason: 0xb000 });

      expect(await answer).toEqual({ status: 0xb000 });
      expect(confirmations.waiting).toBe(0);
    });

    it('answers A700H when the archive is in trouble; the object stays', async () => {
      const { ingest, spool, confirmations, log } = waiting();

      const answer = ingest.store(request(whole));
      await vi.waitFor(() => expect(spool.ready).toHaveLength(1));
      const [kept] = spool.ready;
      if (kept) confirmations.entryAnswered(kept.entry, { kind: 'retry', message: 'it is away' });

      expect(await answer).toEqual({ status: 0xa700, errorComment: 'it is away' });
      expect(spool).toMatchObject({ discarded: 0 });
      expect(spool.ready).toHaveLength(1);
      expect(log.lines.at(-1)).toMatch(/^warn .*not confirmed by the archive: it is away$/);
    });

    it('keeps the object, answers nobody and waits no longer when the association ends', async () => {
      const { ingest, spool, confirmations } = waiting();
      const end = new AbortController();

      const answer = ingest.store({ ...request(whole), ended: end.signal });
      const outcome = expect(answer).rejects.toMatchObject({ code: 'association_aborted' });
      await vi.waitFor(() => expect(spool.ready).toHaveLength(1));
      end.abort();

      await outcome;
      expect(spool.ready).toHaveLength(1);
      expect(confirmations.waiting).toBe(0);
    });

    it('does not wait for an object it refuses itself', async () => {
      const { ingest, spool, confirmations } = waiting();
      spool.faults = { commit: new SpoolUnavailableError('cannot write', new Error('EIO')) };

      expect(await ingest.store(request(whole))).toMatchObject({ status: 0xa700 });

      expect(confirmations.waiting).toBe(0);
    });
  });

  it('answers 0110H to a defect of our own, without its text', async () => {
    const { ingest, spool } = bench();
    spool.faults = { commit: new TypeError('secret path /var/x') };

    const answer = await ingest.store(request(whole));

    expect(answer.status).toBe(0x0110);
    expect(answer.errorComment).not.toContain('secret');
  });
});
