import type { CommandIo } from '../../src/cli/terminal.ts';

/** What a command printed. */
export class RecordingTerminal implements CommandIo {
  text = '';
  errors = '';
  readonly stdout = { write: (text: string) => (this.text += text) };
  readonly stderr = { write: (text: string) => (this.errors += text) };

  get json(): unknown {
    return JSON.parse(this.text) as unknown;
  }
}
