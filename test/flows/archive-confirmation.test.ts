import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ArchiveConfirmations } from '../../src/flows/archive-confirmation.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';
import type { InstanceOutcome } from '../../src/translate/stow-verdict.ts';

const delivered: InstanceOutcome = { kind: 'delivered' };
const somebody = new AbortController().signal;

function entry(id: string): SpoolEntry {
  return {
    id,
    arrivedAt: 0,
    urgent: false,
    destination: 'main',
    bytes: 1,
    studyDigest: '',
    instanceDigest: '',
  };
}

describe('ArchiveConfirmations', () => {
  let confirmations: ArchiveConfirmations;

  beforeEach(() => {
    vi.useFakeTimers();
    confirmations = new ArchiveConfirmations({ timeoutMs: 25_000, now: Date.now });
  });
  afterEach(() => void vi.useRealTimers());

  it('gives each of several associations the outcome of its own entry', async () => {
    const one = confirmations.expect().of(entry('one'), somebody);
    const two = confirmations.expect().of(entry('two'), somebody);

    confirmations.entryAnswered(entry('two'), delivered);
    confirmations.entryAnswered(entry('one'), { kind: 'set-aside', message: 'no' });

    expect(await two).toEqual(delivered);
    expect(await one).toEqual({ kind: 'set-aside', message: 'no' });
    expect(confirmations.waiting).toBe(0);
  });

  it('knows the outcome of an entry that was delivered before its name was known', async () => {
    const confirmation = confirmations.expect();
    confirmations.entryAnswered(entry('other'), { kind: 'retry', message: 'down' });
    confirmations.entryAnswered(entry('one'), delivered);

    expect(await confirmation.of(entry('one'), somebody)).toEqual(delivered);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('says after the timeout that the archive has not confirmed it', async () => {
    const outcome = confirmations.expect().of(entry('one'), somebody);

    await vi.advanceTimersByTimeAsync(24_999);
    expect(confirmations.waiting).toBe(1);
    await vi.advanceTimersByTimeAsync(1);

    expect(await outcome).toMatchObject({ kind: 'retry' });
    expect(confirmations.waiting).toBe(0);
  });

  it('gives up at once, and leaves nothing behind, when nobody is left to answer', async () => {
    const gone = new AbortController();
    const outcome = confirmations.expect().of(entry('one'), gone.signal);

    gone.abort();

    expect(await outcome).toBeUndefined();
    expect(await confirmations.expect().of(entry('two'), gone.signal)).toBeUndefined();
    expect(confirmations.waiting).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('forgets a C-STORE that made no entry', () => {
    confirmations.expect().cancel();

    expect(confirmations.waiting).toBe(0);
  });

  it('lets nobody wait for a destination that stays away for longer than the timeout', async () => {
    const before = confirmations.expect().of(entry('one'), somebody);

    confirmations.deliveryPaused({ until: Date.now() + 300_000, message: 'forbidden' });
    const after = confirmations.expect().of(entry('two'), somebody);

    expect(await before).toEqual({ kind: 'retry', message: 'forbidden' });
    expect(await after).toEqual({ kind: 'retry', message: 'forbidden' });
    confirmations.deliveryGoesOn();
    const later = confirmations.expect().of(entry('three'), somebody);
    confirmations.entryAnswered(entry('three'), delivered);
    expect(await later).toEqual(delivered);
  });

  it('waits through a pause that ends in time', async () => {
    confirmations.deliveryPaused({ until: Date.now() + 1_000, message: 'away' });
    const outcome = confirmations.expect().of(entry('one'), somebody);

    confirmations.entryAnswered(entry('one'), delivered);

    expect(await outcome).toEqual(delivered);
  });
});
