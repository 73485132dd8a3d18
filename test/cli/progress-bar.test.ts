import { describe, expect, it } from 'vitest';
import { ProgressBar, describeProgress } from '../../src/cli/progress-bar.ts';

const total = { objects: 400, bytes: 210_000_000 };

describe('the line', () => {
  it('tells objects, bytes, rate and what is still to come', () => {
    expect(describeProgress({ objects: 100, bytes: 52_500_000 }, total, 5_000)).toBe(
      '100/400 objects  53/210 MB  11 MB/s  ETA 0:15',
    );
  });

  it('does not guess before anything has happened', () => {
    expect(describeProgress({ objects: 0, bytes: 0 }, total, 0)).toContain('ETA ?');
  });

  it('tells at the end how long it took', () => {
    expect(describeProgress(total, total, 3_725_000)).toContain('in 1:02:05');
  });
});

describe('on a terminal', () => {
  it('draws one line over and over, not more often than eyes can follow', () => {
    const { bar, written, pass } = start({ isTTY: true, columns: 80 });

    bar.update({ objects: 0, bytes: 0 });
    pass(50);
    bar.update({ objects: 1, bytes: 525_000 });
    pass(60);
    bar.update({ objects: 200, bytes: 105_000_000 });
    bar.finish();

    expect(written).toHaveLength(4);
    expect(written.slice(0, 3).every((text) => text.startsWith('\r\u001b[2K'))).toBe(true);
    expect(written[1]).toMatch(/\[#+\.+\] 200\/400 objects/);
    expect(written[3]).toBe('\n');
  });

  it.each([20, 40, 60, 80, 200])('keeps to %d columns', (columns) => {
    const { bar, written } = start({ isTTY: true, columns });

    bar.update({ objects: 200, bytes: 105_000_000 });

    expect(written[0]?.replace('\r\u001b[2K', '').length).toBeLessThan(columns);
  });

  it('makes room for other lines', () => {
    const { bar, written } = start({ isTTY: true, columns: 80 });

    bar.update({ objects: 1, bytes: 1 });
    bar.clear();
    bar.update({ objects: 2, bytes: 2 });

    expect(written[1]).toBe('\r\u001b[2K');
    expect(written[2]).toContain('2/400');
  });
});

describe('elsewhere', () => {
  it('writes a plain line every five seconds and one at the end', () => {
    const { bar, written, pass } = start({ isTTY: false });

    bar.update({ objects: 1, bytes: 525_000 });
    pass(4_999);
    bar.update({ objects: 2, bytes: 1_050_000 });
    pass(1);
    bar.update({ objects: 3, bytes: 1_575_000 });
    bar.finish();

    expect(written).toHaveLength(2);
    expect(written.join('')).toMatch(/^[ -~]+\n[ -~]+\n$/);
  });
});

function start(output: { readonly isTTY: boolean; readonly columns?: number }) {
  let time = 1_000;
  const written: string[] = [];
  const bar = new ProgressBar({
    output: { ...output, write: (text) => written.push(text) },
    total,
    now: () => time,
  });
  return { bar, written, pass: (ms: number) => (time += ms) };
}
