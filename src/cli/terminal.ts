/** One of the two streams a command writes to; `process.stdout` is one. */
export interface TerminalOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Where a command prints: results to `stdout`, everything else to `stderr`. */
export interface CommandIo {
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
}

/**
 * Text from outside on one line of a terminal: control characters, which could move the cursor or
 * colour what follows, are written as escapes.
 */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    JSON.stringify(character)
      .slice(1, -1)
      .replace(/^[\x7f-\x9f]$/, '?'),
  );
}
