import type { CommandIo, TerminalOutput } from '../terminal.ts';
import { printable } from '../terminal.ts';
import type { ProbeGroup } from './probe-groups.ts';
import type { Outcome, Probe } from './probe.ts';
import type { ProbeResult } from './run-probes.ts';

const marks: Readonly<Record<Outcome, string>> = {
  ok: '✓',
  warning: '!',
  failed: '✗',
  skipped: '–',
};
/** Select Graphic Rendition: green, yellow, red, faint (ECMA-48 §8.3.117). */
const colours: Readonly<Record<Outcome, number>> = { ok: 32, warning: 33, failed: 31, skipped: 2 };

const titleWidth = 19;
const indent = ' '.repeat(4 + titleWidth);
const widest = 100;

/** Prints findings for a person, each as soon as it is there. */
export class Report {
  readonly #io: CommandIo;
  readonly #hasColour: boolean;
  /** The first probe of each group → the group's title. */
  readonly #headings: ReadonlyMap<string, string>;
  /** Skipped for the same reason, not printed yet. */
  readonly #notTried: ProbeResult[] = [];

  constructor(io: CommandIo, environment: NodeJS.ProcessEnv, groups: readonly ProbeGroup[]) {
    this.#io = io;
    this.#headings = new Map(groups.map(({ title, probes }) => [probes[0]?.id ?? '', title]));
    // https://no-color.org: set and not empty.
    this.#hasColour = io.stdout.isTTY === true && !environment['NO_COLOR'];
  }

  /** On a terminal: what is being waited for, until its result takes the place. */
  begins({ title }: Probe): void {
    if (this.#io.stderr.isTTY === true) this.#io.stderr.write(`  … ${title}`);
  }

  ended(result: ProbeResult): void {
    if (this.#io.stderr.isTTY === true) this.#io.stderr.write('\r\u001b[2K');
    const [first] = this.#notTried;
    const isAlike = result.found === first?.found && !this.#headings.has(result.id);
    if (!isAlike) this.#printNotTried();
    if (result.outcome === 'skipped') this.#notTried.push(result);
    else this.#print(result);
  }

  /** One after the other, for the same reason: one line. */
  #printNotTried(): void {
    const [first, ...others] = this.#notTried.splice(0);
    if (first === undefined) return;
    const titles = others.map(({ title }) => title).join(', ');
    this.#print(titles === '' ? first : { ...first, found: `${first.found}\nAlso: ${titles}.` });
  }

  #print({ id, title, outcome, found, advice }: ProbeResult): void {
    const width = textWidth(this.#io.stdout);
    const mark = this.#paint(outcome, marks[outcome]);
    const [first = '', ...rest] = wrap(printableLines(found), width);
    const heading = this.#headings.get(id);
    const lines = [
      ...(heading === undefined ? [] : ['', heading]),
      `  ${mark} ${title.padEnd(titleWidth)}${first}`,
      ...rest.map((line) => indent + line),
      ...(advice ?? '')
        .split('\n')
        .flatMap((part) =>
          wrap(printable(part), width - 2).map(
            (line, index) => `${indent}${index === 0 ? '→' : ' '} ${line}`,
          ),
        ),
    ];
    this.#io.stdout.write(`${lines.join('\n')}\n`);
  }

  summary(results: readonly ProbeResult[]): void {
    this.#printNotTried();
    const count = (outcome: Outcome): number =>
      results.filter((result) => result.outcome === outcome).length;
    const parts = [
      `${count('ok')} fine`,
      ...(count('warning') > 0 ? [`${count('warning')} to look at (!)`] : []),
      ...(count('failed') > 0 ? [`${count('failed')} failed (✗)`] : []),
      ...(count('skipped') > 0 ? [`${count('skipped')} not tried (–)`] : []),
    ];
    this.#io.stdout.write(`\n${parts.join(', ')}.\n`);
  }

  #paint(outcome: Outcome, text: string): string {
    return this.#hasColour ? `\u001b[${colours[outcome]}m${text}\u001b[0m` : text;
  }
}

function textWidth({ columns = widest }: TerminalOutput): number {
  // One column stays free: some terminals wrap when the last one is written.
  return Math.max(30, Math.min(columns, widest) - 1 - indent.length);
}

/** Line ends are ours; whatever else moves a cursor is not. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Breaks text into lines at spaces; a word that is longer than a line stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    if (line !== '') lines.push(line);
  }
  return lines;
}
