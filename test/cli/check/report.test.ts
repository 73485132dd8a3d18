import { describe, expect, it } from 'vitest';
import { Report } from '../../../src/cli/check/report.ts';

const dns = { id: 'dns', title: 'Name (DNS)', milliseconds: 1 };

describe('Report', () => {
  it('wraps to the terminal, marks by colour there, and escapes what would move the cursor', () => {
    const { report, text } = reportOn({ columns: 60, isTTY: true });

    report.ended({
      ...dns,
      outcome: 'failed',
      found: `a ${'word '.repeat(12)}\u001b[2J`,
      advice: 'do',
    });

    const lines = text().split('\n');
    expect(lines[2]).toContain('\u001b[31m✗\u001b[0m Name (DNS)');
    expect(text()).not.toContain('\u001b[2J');
    expect(text()).toContain('→ do');
    expect(lines.slice(3).every((line) => line.length < 60)).toBe(true);
  });

  it('writes no control sequence anywhere but on a terminal', () => {
    const { report, text } = reportOn({});

    report.ended({ ...dns, outcome: 'warning', found: 'x', advice: 'y' });
    report.summary([]);

    expect(text()).not.toContain('\u001b');
  });

  it('says once why several were not tried', () => {
    const { report, text } = reportOn({});
    const result = { ...dns, outcome: 'skipped', found: 'No archive.' } as const;

    report.ended(result);
    report.ended({ ...result, id: 'tcp', title: 'Connection (TCP)' });
    report.summary([]);

    expect(text().match(/No archive/g)).toHaveLength(1);
    expect(text()).toContain('Also: Connection (TCP).');
  });
});

function reportOn(terminal: { readonly columns?: number; readonly isTTY?: boolean }) {
  let out = '';
  const stdout = { ...terminal, write: (text: string) => (out += text) };
  const probe = { id: dns.id, title: dns.title, run: () => Promise.reject(new Error('not run')) };
  const report = new Report({ stdout, stderr: { write: () => undefined } }, {}, [
    { title: 'Archive', probes: [probe] },
  ]);
  return { report, text: () => out };
}
