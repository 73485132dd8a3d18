import { describe, expect, it } from 'vitest';
import { dropEntries, requeue } from '../../../src/cli/queue/change-queue.ts';
import type { Confirm } from '../../../src/cli/queue/change-queue.ts';
import { idleStatus } from '../../support/bridge-status.ts';
import { InMemoryQueue } from '../../support/in-memory-queue.ts';
import { openInMemory } from '../../support/open-queue.ts';
import { RecordingTerminal } from '../../support/recording-terminal.ts';

const now = 10_000;

describe('drawbridge queue retry and replay', () => {
  it.each([
    ['retry', 'failed'],
    ['replay', 'kept'],
  ] as const)('%s tells how much of what is %s goes out again', async (kind, state) => {
    const queue = new InMemoryQueue();
    queue.add({ state });
    queue.add({ state: 'sending' });
    const [live, stopped] = [new RecordingTerminal(), new RecordingTerminal()];

    await requeue(kind, {}, { open: openInMemory(queue, idleStatus), io: live, json: false });
    await requeue(kind, {}, { open: openInMemory(queue), io: stopped, json: false });

    expect(live.text).toBe(
      '1 object (4 B): due to be sent now.\n1 object left alone: being sent at this moment.\n',
    );
    expect(stopped.text).toContain('to be sent when a bridge runs');
  });

  it.each(['retry', 'replay'] as const)('%s says when there is nothing', async (kind) => {
    const io = new RecordingTerminal();

    await requeue(kind, {}, { open: openInMemory(new InMemoryQueue()), io, json: false });

    expect(io.text).toMatch(/^Nothing to /);
  });

  it('says the same as JSON', async () => {
    const queue = new InMemoryQueue();
    queue.add({ state: 'failed' });
    const io = new RecordingTerminal();

    await requeue('retry', {}, { open: openInMemory(queue), io, json: true });

    expect(io.json).toEqual({ entries: 1, bytes: 4, busy: 0 });
  });
});

describe('drawbridge queue drop', () => {
  it('shows what would go, and removes it after a yes', async () => {
    const { queue, drop } = begin();

    const { exitCode, io, questions } = await drop({ answer: true });

    expect(questions).toEqual([
      'Remove 2 objects (8 B) for good? The archive will not get them. [y/N] ',
    ]);
    expect(exitCode).toBe(0);
    expect(io.text).toBe('2 objects (8 B) removed.\n');
    expect((await queue.list({}, { limit: 9, offset: 0 })).total).toBe(0);
  });

  it('removes nothing after a no', async () => {
    const { queue, drop } = begin();

    const { exitCode, io } = await drop({ answer: false });

    expect([exitCode, io.errors]).toEqual([1, 'Nothing was removed.\n']);
    expect(queue.orders).toEqual([]);
  });

  it('leaves what arrived while the person was thinking', async () => {
    const { queue, drop } = begin();

    await drop({ answer: true, meanwhile: () => queue.add({ arrivedAt: now + 1 }) });

    expect((await queue.list({}, { limit: 9, offset: 0 })).total).toBe(1);
  });

  it('does not do it unasked where there is nobody to ask', async () => {
    const { queue, drop } = begin();

    const { exitCode, io } = await drop({});

    expect(exitCode).toBe(64);
    expect(io.errors).toMatch(/would remove 2 objects \(8 B\) for good, .* --yes/);
    expect(queue.orders).toEqual([]);
  });

  it('asks nobody with --yes, and tells what stayed', async () => {
    const { queue, drop } = begin();
    queue.add({ state: 'sending' });

    const { exitCode, io } = await drop({ yes: true });

    expect(exitCode).toBe(0);
    expect(io.text).toBe(
      '2 objects (8 B) removed.\n1 object left alone: being sent at this moment.\n',
    );
  });

  it('asks nothing when there is nothing', async () => {
    const { drop } = begin();

    const { exitCode, questions, io } = await drop({ answer: true, filter: { states: ['kept'] } });

    expect([exitCode, questions]).toEqual([0, []]);
    expect(io.text).toMatch(/^Nothing to drop/);
  });
});

function begin() {
  const queue = new InMemoryQueue();
  queue.add({ arrivedAt: 1 });
  queue.add({ arrivedAt: 2, state: 'failed' });
  return {
    queue,
    drop: async (options: {
      readonly answer?: boolean;
      readonly yes?: boolean;
      readonly filter?: Parameters<typeof dropEntries>[0];
      readonly meanwhile?: () => unknown;
    }) => {
      const { answer, yes = false, filter = {}, meanwhile } = options;
      const io = new RecordingTerminal();
      const questions: string[] = [];
      const confirm: Confirm = (question) => {
        questions.push(question);
        meanwhile?.();
        return Promise.resolve(answer === true);
      };
      const exitCode = await dropEntries(filter, {
        ...{ open: openInMemory(queue), json: false, io, yes, now },
        confirm: answer === undefined ? undefined : confirm,
      });
      return { exitCode, io, questions };
    },
  };
}
