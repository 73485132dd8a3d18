import { describe, expect, it, vi } from 'vitest';
import { AssociationRejectedError } from '../../src/errors/association-errors.ts';
import { SpoolFullError } from '../../src/errors/spool-errors.ts';
import type { Association } from '../../src/upper-layer/association.ts';
import { commandField } from '../../src/upper-layer/command-set.ts';
import type { CommandSet } from '../../src/upper-layer/command-set.ts';
import { explicitElement } from '../support/data-set.ts';
import { startDimseBench } from '../support/dimse-bench.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';

const verification = '1.2.840.10008.1.1';
const ct = '1.2.840.10008.5.1.4.1.1.2';
const explicit = '1.2.840.10008.1.2.1';
const contexts = [
  { id: 1, abstractSyntax: verification, transferSyntaxes: [explicit] },
  { id: 3, abstractSyntax: ct, transferSyntaxes: [explicit] },
];

function object(sopInstanceUid: string, pixelBytes = 10): Buffer {
  return Buffer.concat([
    explicitElement(0x00080016, 'UI', `${ct}\0`),
    explicitElement(
      0x00080018,
      'UI',
      sopInstanceUid.padEnd(sopInstanceUid.length + (sopInstanceUid.length % 2), '\0'),
    ),
    explicitElement(0x0020000d, 'UI', '1.2\0'),
    explicitElement(0x0020000e, 'UI', '1.2.2\0'),
    explicitElement(0x7fe00010, 'OW', Buffer.alloc(pixelBytes, sopInstanceUid)),
  ]);
}

function storeCommand(sopInstanceUid: string, messageId = 1): CommandSet {
  return {
    commandField: commandField.cStoreRq,
    messageId,
    affectedSopClassUid: ct,
    affectedSopInstanceUid: sopInstanceUid,
    priority: 0,
    hasDataSet: true,
  };
}

async function answerTo(
  association: Association,
  contextId: number,
  command: CommandSet,
  dataSet?: Buffer,
): Promise<CommandSet> {
  await association.send({ contextId, command, ...(dataSet !== undefined && { dataSet }) });
  const message = await association.receive();
  if (message === undefined) throw new Error('released instead of an answer');
  return message.command;
}

describe('DimseListener', () => {
  it('B01 answers C-ECHO, whatever its Message ID, and ignores a data set with it', async () => {
    const { associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);
    const echo = { commandField: commandField.cEchoRq, affectedSopClassUid: verification };

    for (const messageId of [0, 1, 0xffff]) {
      expect(
        await answerTo(association, 1, { ...echo, messageId, hasDataSet: false }),
      ).toMatchObject({ status: 0, messageIdBeingRespondedTo: messageId, hasDataSet: false });
    }
    expect(
      await answerTo(association, 1, { ...echo, messageId: 7, hasDataSet: true }, Buffer.alloc(9)),
    ).toMatchObject({ status: 0, messageIdBeingRespondedTo: 7 });

    await association.release();
  });

  it('stores what arrives and echoes the UIDs and the Message ID', async () => {
    const spool = new InMemorySpool();
    const { associate, ended, log } = await startDimseBench(spool);
    const association = await associate(contexts);
    const dataSet = object('1.2.3', 300_000);

    expect(await answerTo(association, 3, storeCommand('1.2.3', 42), dataSet)).toMatchObject({
      commandField: commandField.cStoreRsp,
      status: 0,
      messageIdBeingRespondedTo: 42,
      affectedSopClassUid: ct,
      affectedSopInstanceUid: '1.2.3',
    });
    await association.release();

    expect(spool.ready.map(({ bytes }) => bytes.equals(dataSet))).toEqual([true]);
    await vi.waitFor(() => expect(ended).toEqual(['released']));
    expect(log.lines.filter((line) => line.startsWith('info '))).toHaveLength(2);
    expect(log.lines.at(-1)).toMatch(/"objects":1.*association ends/);
  });

  it('B23 answers 200 pipelined C-STOREs one by one, in order, each with its own bytes', async () => {
    const spool = new InMemorySpool();
    const { associate } = await startDimseBench(spool);
    const association = await associate(contexts);
    const uids = Array.from({ length: 200 }, (_each, index) => `1.2.${index + 1}`);

    const sending = Promise.all(
      uids.map((sop, index) =>
        association.send({
          contextId: 3,
          command: storeCommand(sop, index + 1),
          dataSet: object(sop, 3000),
        }),
      ),
    );
    const answers: (number | undefined)[] = [];
    for (let count = 0; count < 200; count += 1) {
      const message = await association.receive();
      expect(message?.command.status).toBe(0);
      answers.push(message?.command.messageIdBeingRespondedTo);
    }
    await sending;
    await association.release();

    expect(answers).toEqual(uids.map((_each, index) => index + 1));
    expect(spool.ready.map(({ bytes }) => bytes)).toEqual(uids.map((sop) => object(sop, 3000)));
  });

  it.each([
    ['../../../../tmp/pwn', 0x0117],
    ['..\\..\\x', 0x0117],
    ['/etc/x', 0x0117],
    ['1.2%2f..', 0x0117],
    ['1.2\0.3', 0x0117],
    [`1.${'2'.repeat(63)}`, 0x0117],
    ['', 0x0117],
  ])('B05 refuses the SOP Instance UID %j', async (sop, status) => {
    const spool = new InMemorySpool();
    const { associate } = await startDimseBench(spool);
    const association = await associate(contexts);

    expect(await answerTo(association, 3, storeCommand(sop), object('1.2.3'))).toMatchObject({
      status,
    });
    await association.release();

    expect(spool.ready).toEqual([]);
  });

  it('B03 refuses a SOP class other than that of the presentation context', async () => {
    const { associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);
    const mr = { ...storeCommand('1.2.3'), affectedSopClassUid: '1.2.840.10008.5.1.4.1.1.4' };

    expect(await answerTo(association, 3, mr, object('1.2.3'))).toMatchObject({ status: 0x0122 });
  });

  it('B10 refuses a C-STORE without a data set, or with an empty one, and goes on', async () => {
    const { associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);

    expect(
      await answerTo(association, 3, { ...storeCommand('1.2.3'), hasDataSet: false }),
    ).toMatchObject({ status: 0xc000 });
    expect(await answerTo(association, 3, storeCommand('1.2.3'), Buffer.alloc(0))).toMatchObject({
      status: 0xc000,
    });
    expect(await answerTo(association, 3, storeCommand('1.2.3'), object('1.2.3'))).toMatchObject({
      status: 0,
    });
  });

  it('B20 refuses unknown requests and lets unasked responses go by', async () => {
    const { associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);

    await association.send({
      contextId: 3,
      command: {
        commandField: commandField.cStoreRsp,
        messageIdBeingRespondedTo: 9,
        status: 0,
        hasDataSet: false,
      },
    });
    expect(
      await answerTo(association, 3, { commandField: 0x0eef, messageId: 5, hasDataSet: false }),
    ).toMatchObject({ commandField: 0x8eef, status: 0x0211, messageIdBeingRespondedTo: 5 });
  });

  it('B19 aborts on a request without Message ID', async () => {
    const { associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);

    await association.send({
      contextId: 1,
      command: { commandField: commandField.cEchoRq, hasDataSet: false },
    });

    expect(await association.closed).toMatchObject({
      kind: 'aborted-by-peer',
      source: 2,
      reason: 6,
    });
  });

  it('C05 reads a refused data set away, answers A700H with its reason, and serves on', async () => {
    const spool = new InMemorySpool();
    const { associate } = await startDimseBench(spool);
    const association = await associate(contexts);
    spool.faults.receive = new SpoolFullError('the disk is nearly full', { freeBytes: 1 });

    expect(
      await answerTo(association, 3, storeCommand('1.2.3'), object('1.2.3', 2_000_000)),
    ).toMatchObject({ status: 0xa700, errorComment: 'the disk is nearly full' });
    delete spool.faults.receive;
    expect(
      await answerTo(association, 3, storeCommand('1.2.3', 2), object('1.2.3', 2_000_000)),
    ).toMatchObject({ status: 0 });
  });

  it('B07 aborts a peer that goes on sending beyond twice the limit', async () => {
    const { associate } = await startDimseBench(new InMemorySpool(), { maxObjectBytes: 100_000 });
    const association = await associate(contexts);

    const over = await answerTo(association, 3, storeCommand('1.2.3'), object('1.2.3', 150_000));
    expect(over.status).toBe(0xa700);
    await association
      .send({
        contextId: 3,
        command: storeCommand('1.2.3', 2),
        dataSet: object('1.2.3', 9_000_000),
      })
      .catch(() => undefined);

    expect(await association.closed).toMatchObject({
      kind: 'aborted-by-peer',
      source: 2,
      reason: 0,
    });
  });

  it('leaves nothing of an object whose association was aborted', async () => {
    const spool = new InMemorySpool();
    const { associate, ended } = await startDimseBench(spool);
    const association = await associate(contexts);
    const half = object('1.2.3', 400_000).subarray(0, 200_000);
    const sending = association.send({
      contextId: 3,
      command: storeCommand('1.2.3'),
      dataSet: (async function* () {
        yield half;
        await new Promise(() => undefined);
      })(),
    });
    sending.catch(() => undefined);
    await vi.waitFor(() => expect(association.bytesSent).toBeGreaterThan(150_000));

    association.abort();

    await vi.waitFor(() => expect(ended).toEqual(['aborted']));
    expect(spool).toMatchObject({ ready: [], discarded: 1 });
  });

  it('A55 refuses the association beyond the limit for now; the place is free again afterwards', async () => {
    const { associate, refusals } = await startDimseBench(new InMemorySpool(), {
      rules: { maxAssociations: 2 },
    });
    const first = await associate(contexts);
    await associate(contexts);

    const refused = await associate(contexts).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(AssociationRejectedError);
    expect(refused).toMatchObject({ rejectResult: 2, rejectSource: 3, rejectDiagnostic: 2 });
    expect(refusals).toEqual(['too-many']);

    await first.release();
    await vi.waitFor(async () => (await associate(contexts)).abort());
  });

  it('A12 refuses another called AE title and says in the log what it was', async () => {
    const { associate, refusals, log } = await startDimseBench(new InMemorySpool());

    await expect(associate(contexts, 'DRAWBRIGE')).rejects.toMatchObject({
      rejectResult: 1,
      rejectSource: 1,
      rejectDiagnostic: 7,
    });

    expect(refusals).toEqual(['called-ae-title']);
    expect(log.lines.join('\n')).toMatch(/CT01.*DRAWBRIGE.*we are DRAWBRIDGE/);
  });

  it('C28 stops: lets a running association finish, refuses new ones, then ends', async () => {
    const spool = new InMemorySpool();
    const { listener, associate, ended } = await startDimseBench(spool);
    const association = await associate(contexts);
    const deadline = new AbortController();

    const stopped = listener.stop(deadline.signal);
    await expect(associate(contexts)).rejects.toThrow();
    expect(await answerTo(association, 3, storeCommand('1.2.3'), object('1.2.3'))).toMatchObject({
      status: 0,
    });
    await association.release();
    await stopped;

    expect(ended).toEqual(['released']);
    expect(spool.ready).toHaveLength(1);
  });

  it('C28 aborts what still runs when the grace is over', async () => {
    const { listener, associate } = await startDimseBench(new InMemorySpool());
    const association = await associate(contexts);
    const deadline = new AbortController();

    const stopped = listener.stop(deadline.signal);
    deadline.abort();
    await stopped;

    expect(await association.closed).toMatchObject({
      kind: 'aborted-by-peer',
      source: 0,
      reason: 0,
    });
  });
});
