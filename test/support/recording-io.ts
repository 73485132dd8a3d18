import type { CommandIo } from '../../src/cli/terminal.ts';

/** The two streams of a command, kept as text. */
export interface RecordingIo extends CommandIo {
  readonly out: () => string;
  readonly err: () => string;
}

export function recordingIo(): RecordingIo {
  let out = '';
  let err = '';
  return {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    out: () => out,
    err: () => err,
  };
}
