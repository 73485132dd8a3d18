import { describe, expect, it } from 'vitest';
import { SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import { createLogger } from '../../src/telemetry/pino-logger.ts';
import { redact, redacted } from '../../src/telemetry/redaction.ts';

class Lines {
  readonly isTTY: boolean;
  readonly written: string[] = [];

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(line: string): void {
    this.written.push(line);
  }

  get fields(): readonly Record<string, unknown>[] {
    return this.written.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

describe('the logger', () => {
  it('writes one JSON line an event, at once, with the fields of its parents', () => {
    const output = new Lines();
    const log = createLogger({ level: 'info', format: undefined, output });

    log.child({ association: 'abc' }).info({ objects: 3 }, 'association ended');

    expect(output.fields).toMatchObject([
      { level: 'info', association: 'abc', objects: 3, msg: 'association ended' },
    ]);
    expect(Object.keys(output.fields[0] ?? {})).not.toContain('hostname');
  });

  it('leaves out what is less important than its level', () => {
    const output = new Lines();
    const log = createLogger({ level: 'warn', format: 'json', output });

    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');

    expect(output.fields.map(({ msg }) => msg)).toEqual(['c', 'd']);
  });

  it('is pretty on a terminal, and where it was asked for', () => {
    for (const [output, format] of [
      [new Lines(true), undefined],
      [new Lines(false), 'pretty'],
    ] as const) {
      createLogger({ level: 'info', format, output }).info({ objects: 3 }, 'hello');

      expect(output.written).toHaveLength(1);
      expect(output.written[0]).toContain('hello');
      expect(output.written[0]?.startsWith('{')).toBe(false);
    }
  });

  it('is JSON on a terminal when asked for', () => {
    const output = new Lines(true);
    createLogger({ level: 'info', format: 'json', output }).info({}, 'hello');

    expect(output.fields).toHaveLength(1);
  });

  it('writes no secret, wherever it hides', () => {
    const output = new Lines();
    const log = createLogger({ level: 'info', format: 'json', output });
    const request = { headers: { Authorization: 'Bearer hushhush', 'Set-Cookie': ['hush'] } };

    log.child({ accessToken: 'hush' }).info(
      {
        clientSecret: 'hush',
        deep: [{ client_secret: 'hush', password: 'hush' }],
        err: Object.assign(new Error('got Authorization: Basic aHVzaGh1c2g='), { cause: request }),
        url: 'https://user:hush@pacs.example.org/',
      },
      'sent with Bearer hush.hush.hush',
    );

    expect(output.written).toHaveLength(1);
    expect(output.written.join('').toLowerCase()).not.toMatch(/hush|ahvz/);
  });

  it('survives what cannot be written', () => {
    const output = new Lines();
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;

    createLogger({ level: 'info', format: 'json', output }).info({ circle, big: 10n }, 'hello');

    expect(output.fields[0]).toMatchObject({ msg: 'hello', big: '10' });
  });
});

describe('redaction', () => {
  it('leaves harmless words alone', () => {
    const fields = {
      tokenUrl: 'https://idp/token',
      scope: 'a b',
      message: 'Basic set',
      attempts: 3,
    };

    expect(redact(fields)).toEqual(fields);
  });

  it('tells of an error its code, facts and causes, and of a defect its stack', () => {
    const cause = Object.assign(new Error('EIO'), { code: 'EIO' });

    expect(redact(new SpoolUnavailableError('cannot write', cause))).toEqual({
      name: 'SpoolUnavailableError',
      code: 'spool_unavailable',
      message: 'cannot write',
      facts: {},
      cause: { name: 'Error', code: 'EIO', message: 'EIO' },
    });
    expect(redact(new TypeError('oops'))).toMatchObject({
      name: 'TypeError',
      stack: expect.stringContaining('pino-logger.test') as unknown,
    });
  });

  it('writes lengths for bytes', () => {
    expect(redact({ head: Buffer.alloc(9), token: 'x' })).toEqual({
      head: '[9 bytes]',
      token: redacted,
    });
  });
});
