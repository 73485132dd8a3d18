import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolationError } from '../../src/errors/association-errors.ts';
import { PduReader } from '../../src/upper-layer/pdu-stream.ts';
import type { BodyTreatment, PduSink } from '../../src/upper-layer/pdu-stream.ts';
import {
  commandPdv,
  dataPdu,
  dataPdv,
  echoCommand,
  rawPdu,
  releaseRequest,
  requestPdu,
} from './support/bytes.ts';

/** Writes down what it is told, the fragments joined. */
class RecordingSink implements PduSink {
  readonly events: (readonly (string | number)[])[] = [];
  readonly slices: Buffer[] = [];
  #fragment: Buffer[] = [];

  header(type: number, length: number): BodyTreatment {
    this.events.push(['header', type, length]);
    if (type === 4) return 'stream';
    return type === 9 ? 'skip' : type > 9 ? 'stop' : 'gather';
  }

  body(type: number, bytes: Buffer): void {
    this.events.push(['body', type, bytes.toString('hex')]);
  }

  fragmentStart(contextId: number, control: number, fragmentBytes: number): void {
    this.events.push(['fragment', contextId, control, fragmentBytes]);
    this.#fragment = [];
  }

  fragmentBytes(slice: Buffer): void {
    this.slices.push(slice);
    this.#fragment.push(slice);
  }

  fragmentEnd(): void {
    this.events.push(['end', Buffer.concat(this.#fragment).toString('hex')]);
  }
}

const stream = Buffer.concat([
  requestPdu(),
  dataPdu(commandPdv(echoCommand())),
  rawPdu(9, Buffer.alloc(11, 9)),
  dataPdu(dataPdv(Buffer.from('abc'), false), dataPdv(Buffer.alloc(0)), dataPdv(Buffer.from('d'))),
  rawPdu(9, Buffer.alloc(0)),
  rawPdu(7, Buffer.alloc(0)),
  releaseRequest,
  rawPdu(10, Buffer.alloc(5)),
  releaseRequest,
]);

function read(chunks: readonly Buffer[]): RecordingSink {
  const sink = new RecordingSink();
  const reader = new PduReader(sink);
  for (const chunk of chunks) reader.push(chunk);
  return sink;
}

describe('PDU reader', () => {
  const whole = read([stream]).events;

  it('tells PDUs and fragments apart, skips what it shall and stops where it shall', () => {
    expect(
      whole.map(([word, ...rest]) => (word === 'header' ? `header ${rest[0] ?? ''}` : word)),
    ).toEqual([
      'header 1',
      'body',
      'header 4',
      'fragment',
      'end',
      'header 9',
      'header 4',
      'fragment',
      'end',
      'fragment',
      'end',
      'fragment',
      'end',
      'header 9',
      'header 7',
      'body',
      'header 5',
      'body',
      'header 10',
    ]);
  });

  it('A46 reads the same from single bytes and from every split in two', () => {
    expect(read(Array.from(stream, (byte) => Buffer.of(byte))).events).toEqual(whole);
    for (let at = 1; at < stream.length; at += 1) {
      expect(read([stream.subarray(0, at), stream.subarray(at)]).events).toEqual(whole);
    }
  });

  it('A46 reads the same from any split', () => {
    const cuts = fc.uniqueArray(fc.nat(stream.length), { maxLength: 30 });
    fc.assert(
      fc.property(cuts, (unsorted) => {
        const ends = [...unsorted.sort((a, b) => a - b), stream.length];
        const chunks = ends.map((end, index) => stream.subarray(ends[index - 1] ?? 0, end));

        expect(read(chunks).events).toEqual(whole);
      }),
    );
  });

  it('hands on slices of the chunks, not copies', () => {
    const chunk = dataPdu(dataPdv(Buffer.alloc(1000, 1)));

    const { slices } = read([chunk.subarray(0, 500), chunk.subarray(500)]);

    expect(slices.map((slice) => slice.length)).toEqual([500 - 12, 512]);
    expect(slices.every((slice) => slice.buffer === chunk.buffer)).toBe(true);
  });

  it('hands on what has arrived of a fragment before the rest does', () => {
    const { events, slices } = read([dataPdu(dataPdv(Buffer.alloc(1000))).subarray(0, 20)]);

    expect(slices.map((slice) => slice.length)).toEqual([8]);
    expect(events.at(-1)?.[0]).toBe('fragment');
  });

  it.each([
    ['A42', 'no room for a PDV', rawPdu(4, Buffer.alloc(5))],
    ['A42', 'a PDV without its header', rawPdu(4, Buffer.from('000000010103', 'hex'))],
    ['A44', 'a PDV past its end', rawPdu(4, Buffer.from('0000000401030a', 'hex'))],
    ['A44', 'bytes left over', rawPdu(4, Buffer.from('0000000201030000', 'hex'))],
  ])('%s refuses a P-DATA-TF with %s', (_, __, pdu) => {
    expect(() => read([pdu])).toThrow(ProtocolViolationError);
  });
});
