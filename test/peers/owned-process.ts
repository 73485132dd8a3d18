import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Ends the child with its parent, however the parent dies; util-linux has it on every Debian. */
const parentDeathSignal = ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'];

/**
 * A process of ours. It never outlives us: it is killed when we exit, and where `setpriv` exists
 * the kernel does it should we be killed ourselves.
 */
export class OwnedProcess {
  readonly #child: ChildProcess;
  readonly ended: Promise<ProcessEnd>;
  #stdout = '';
  #stderr = '';

  constructor(
    command: string,
    args: readonly string[],
    options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ) {
    const guard = existsSync('/usr/bin/setpriv') ? parentDeathSignal : [];
    const [program = command, ...words] = [...guard, command, ...args];
    const child = spawn(program, words, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(child);
    collect(child.stdout, (text) => (this.#stdout = tail(this.#stdout + text)));
    collect(child.stderr, (text) => (this.#stderr = tail(this.#stderr + text)));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.ended.finally(() => running.delete(child)).catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The last 256 KiB it printed. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks, and after ten seconds no longer asks. Resolves when the process is gone. */
  async stop(): Promise<ProcessEnd> {
    this.signal('SIGTERM');
    const impatience = setTimeout(() => this.signal('SIGKILL'), 10_000);
    try {
      return await this.ended;
    } finally {
      clearTimeout(impatience);
    }
  }

  async kill(): Promise<ProcessEnd> {
    this.signal('SIGKILL');
    return this.ended;
  }
}

function collect(stream: Readable | null, take: (text: string) => void): void {
  stream?.setEncoding('utf8').on('data', take);
}

function tail(text: string): string {
  return text.length > 262_144 ? text.slice(-262_144) : text;
}
