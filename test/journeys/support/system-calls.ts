/** One system call of a traced process; positions are line numbers of the trace. */
export interface SystemCall {
  readonly name: string;
  readonly words: string;
  readonly result: number;
  readonly began: number;
  readonly ended: number;
}

/**
 * Reads what `strace -f` wrote. A call that another thread's call interrupted stands on two lines,
 * so the order of the lines is the order in which calls began and returned.
 */
export function readSystemCalls(trace: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { readonly words: string; readonly began: number }>();
  trace.split('\n').forEach((line, position) => {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const start = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(text);
    if (start !== null) {
      unfinished.set(thread, { words: start[2] ?? '', began: position });
      return;
    }
    const end = /^<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)/.exec(text);
    const whole = end ?? /^(\w+)\((.*)\) += (-?\d+)/.exec(text);
    if (whole === null) return;
    const [, name = '', words = '', result] = whole;
    const first = end === null ? undefined : unfinished.get(thread);
    calls.push({
      name,
      words: `${first?.words ?? ''}${words}`,
      result: Number(result),
      began: first?.began ?? position,
      ended: position,
    });
  });
  return calls;
}
