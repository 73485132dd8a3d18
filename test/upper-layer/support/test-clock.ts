import { onTestFinished, vi } from 'vitest';

/**
 * Takes the timers into the test's own hands until it ends. Sockets go on as ever, so wait for what
 * comes over them before time goes on.
 */
export function stopTheClock(): {
  advance(ms: number): Promise<void>;
  /** How many timers are running. */
  timers(): number;
} {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  return {
    advance: async (ms) => {
      await vi.advanceTimersByTimeAsync(ms);
    },
    timers: () => vi.getTimerCount(),
  };
}
