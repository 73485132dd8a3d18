import { ProtocolViolationError } from '../errors/association-errors.ts';
import { ByteGatherer } from './byte-gatherer.ts';
import { pduHeaderBytes, pdvHeaderBytes } from './pdu.ts';

/** What shall happen to the body of a PDU whose header was just read. */
export type BodyTreatment =
  /** Collect it and hand it over whole; only for what the sink has bounded. */
  | 'gather'
  /** It is a P-DATA-TF: hand its fragments on as they come. */
  | 'stream'
  /** Count it and forget it. */
  | 'skip'
  /** The stream makes no sense from here on: forget everything that follows. */
  | 'stop';

export interface PduSink {
  /** Called with the sixth byte of a PDU, before any byte of its body is kept. */
  header(type: number, length: number): BodyTreatment;
  /** A gathered body. It may be a slice of a socket chunk: copy what is kept. */
  body(type: number, bytes: Buffer): void;
  /** A PDV begins. `fragmentBytes` may be 0. */
  fragmentStart(contextId: number, control: number, fragmentBytes: number): void;
  /** A piece of the fragment: a slice of the chunk as it came from the socket, never copied. */
  fragmentBytes(slice: Buffer): void;
  fragmentEnd(): void;
}

type Phase = 'pdu-header' | 'gather' | 'skip' | 'pdv-header' | 'fragment' | 'stopped';

/**
 * Cuts a byte stream into PDUs, and P-DATA-TF into fragments, however the stream is split.
 *
 * Never holds more than a gathered body and one header; what a fragment carries leaves within the
 * call that brought it.
 *
 * @see PS3.8 §9.3.1 (PDU), §9.3.5 (P-DATA-TF)
 */
export class PduReader {
  readonly #sink: PduSink;
  readonly #header = Buffer.alloc(Math.max(pduHeaderBytes, pdvHeaderBytes));
  readonly #gatherer = new ByteGatherer();
  #phase: Phase = 'pdu-header';
  #headerBytes = 0;
  #type = 0;
  /** Bytes of the current PDU's body that have not been read. */
  #pduLeft = 0;
  /** Bytes of the current fragment that have not been read. */
  #fragmentLeft = 0;

  constructor(sink: PduSink) {
    this.#sink = sink;
  }

  /** True when a PDU has begun and not ended. */
  get isInsidePdu(): boolean {
    return this.#phase !== 'stopped' && (this.#phase !== 'pdu-header' || this.#headerBytes > 0);
  }

  /** From now on everything is thrown away unread. */
  stop(): void {
    this.#phase = 'stopped';
    this.#gatherer.take();
  }

  /**
   * @throws {@link ProtocolViolationError} when the PDVs do not fit their PDU, and whatever the sink
   *   throws. The reader must be stopped then.
   */
  push(chunk: Buffer): void {
    let offset = 0;
    while (offset < chunk.length) {
      switch (this.#phase) {
        case 'pdu-header':
          offset = this.#readHeader(chunk, offset, pduHeaderBytes);
          if (this.#headerBytes === pduHeaderBytes) this.#beginPdu();
          break;
        case 'pdv-header':
          offset = this.#readHeader(chunk, offset, pdvHeaderBytes);
          if (this.#headerBytes === pdvHeaderBytes) this.#beginFragment();
          break;
        case 'fragment':
          offset = this.#readFragment(chunk, offset);
          break;
        case 'gather':
          offset = this.#readBody(chunk, offset);
          break;
        case 'skip': {
          const end = Math.min(chunk.length, offset + this.#pduLeft);
          this.#pduLeft -= end - offset;
          offset = end;
          if (this.#pduLeft === 0) this.#expect('pdu-header');
          break;
        }
        case 'stopped':
          return;
      }
    }
  }

  #expect(phase: Phase): void {
    if (this.#phase !== 'stopped') this.#phase = phase;
    this.#headerBytes = 0;
  }

  #readHeader(chunk: Buffer, offset: number, wanted: number): number {
    const end = Math.min(chunk.length, offset + wanted - this.#headerBytes);
    this.#headerBytes += chunk.copy(this.#header, this.#headerBytes, offset, end);
    return end;
  }

  #beginPdu(): void {
    this.#type = this.#header.readUInt8(0);
    this.#pduLeft = this.#header.readUInt32BE(2);
    const treatment = this.#sink.header(this.#type, this.#pduLeft);
    switch (treatment) {
      case 'stop':
        this.stop();
        break;
      case 'stream':
        if (this.#pduLeft < pdvHeaderBytes) throw new ProtocolViolationError('P-DATA-TF is empty');
        this.#expect('pdv-header');
        break;
      case 'skip':
        this.#expect(this.#pduLeft === 0 ? 'pdu-header' : 'skip');
        break;
      case 'gather':
        this.#expect('gather');
        if (this.#pduLeft === 0) this.#endBody(Buffer.alloc(0));
        break;
    }
  }

  #readBody(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#pduLeft);
    const piece = chunk.subarray(offset, end);
    this.#pduLeft -= piece.length;
    if (this.#pduLeft === 0 && this.#gatherer.length === 0) {
      this.#endBody(piece);
    } else {
      this.#gatherer.append(piece);
      if (this.#pduLeft === 0) this.#endBody(this.#gatherer.take());
    }
    return end;
  }

  #endBody(body: Buffer): void {
    this.#expect('pdu-header');
    this.#sink.body(this.#type, body);
  }

  #beginFragment(): void {
    const itemBytes = this.#header.readUInt32BE(0);
    if (itemBytes < 2) throw new ProtocolViolationError('PDV is shorter than its own header');
    if (itemBytes + 4 > this.#pduLeft) throw new ProtocolViolationError('PDV reaches past its PDU');
    const left = this.#pduLeft - 4 - itemBytes;
    if (left !== 0 && left < pdvHeaderBytes) {
      throw new ProtocolViolationError('PDVs do not fill their PDU');
    }
    this.#pduLeft -= pdvHeaderBytes;
    this.#fragmentLeft = itemBytes - 2;
    this.#expect('fragment');
    this.#sink.fragmentStart(
      this.#header.readUInt8(4),
      this.#header.readUInt8(5),
      this.#fragmentLeft,
    );
    if (this.#fragmentLeft === 0) this.#endFragment();
  }

  #readFragment(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#fragmentLeft);
    this.#fragmentLeft -= end - offset;
    this.#pduLeft -= end - offset;
    this.#sink.fragmentBytes(chunk.subarray(offset, end));
    if (this.#fragmentLeft === 0) this.#endFragment();
    return end;
  }

  #endFragment(): void {
    this.#expect(this.#pduLeft === 0 ? 'pdu-header' : 'pdv-header');
    this.#sink.fragmentEnd();
  }
}
