import { createInterface } from 'node:readline/promises';
import type { Confirm } from './change-queue.ts';

/** Asks on the terminal; `undefined` where input or output is none. Only a clear yes is one. */
export function confirmOnTerminal({
  stdin,
  stderr,
}: Pick<NodeJS.Process, 'stdin' | 'stderr'>): Confirm | undefined {
  if (!stdin.isTTY || !stderr.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: stdin, output: stderr });
    // Ctrl-C and Ctrl-D end the input without an answer; newer Nodes reject then, older ones wait.
    const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
    const answered = terminal.question(question).catch(() => '');
    try {
      return /^\s*y(?:es)?\s*$/i.test(await Promise.race([answered, ended]));
    } finally {
      terminal.close();
    }
  };
}
