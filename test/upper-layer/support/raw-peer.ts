import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { decodeCommandSet } from '../../../src/upper-layer/command-set.ts';
import type { CommandSet } from '../../../src/upper-layer/command-set.ts';
import { decodePdu } from '../../../src/upper-layer/pdu-decoder.ts';
import type { ControlPdu } from '../../../src/upper-layer/pdu.ts';
import { requestPdu } from './bytes.ts';

/** A PDU as the far side sent it. */
export interface ReceivedPdu {
  readonly type: number;
  readonly body: Buffer;
}

/** A peer that writes any bytes it likes and sees exactly what comes back. */
export class RawPeer<Socketlike extends Duplex = Socket> {
  readonly socket: Socketlike;
  readonly #arrived: ReceivedPdu[] = [];
  #buffer = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socketlike) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      while (this.#buffer.length >= 6 && this.#buffer.length >= 6 + this.#buffer.readUInt32BE(2)) {
        const end = 6 + this.#buffer.readUInt32BE(2);
        const body = this.#buffer.subarray(6, end);
        this.#arrived.push({ type: this.#buffer.readUInt8(0), body });
        this.#buffer = this.#buffer.subarray(end);
      }
      this.#wake();
    });
    const over = (): void => {
      this.#isOver = true;
      this.#wake();
    };
    socket.on('end', () => {
      over();
      socket.end(); // as a TCP socket does by default, and a duplexPair does not
    });
    socket.on('close', over);
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  /** The far side has closed. */
  get isOver(): boolean {
    return this.#isOver;
  }

  write(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Asks for an association, which has to be accepted. */
  async associate(request = requestPdu()): Promise<void> {
    this.write(request);
    const answer = await this.next();
    if (answer?.type !== 2) throw new Error(`not accepted: ${answer && describePdu(answer)}`);
  }

  /** The next PDU, or `undefined` when the far side has closed. */
  async next(): Promise<ReceivedPdu | undefined> {
    for (;;) {
      const pdu = this.#arrived.shift();
      if (pdu !== undefined) return pdu;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Everything up to the close, in short words: `AC`, `RJ(1,1,7)`, `AB(2,2)`, `RP`, `DATA` … */
  async untilClosed(): Promise<readonly string[]> {
    const words: string[] = [];
    for (;;) {
      const pdu = await this.next();
      if (pdu === undefined) break;
      words.push(describePdu(pdu));
    }
    this.socket.destroy();
    if (this.#buffer.length > 0) words.push(`${this.#buffer.length} stray bytes`);
    return words;
  }

  /** The next PDU, which has to carry one whole command set. */
  async nextCommand(): Promise<CommandSet> {
    const pdu = await this.next();
    if (pdu?.type !== 4) throw new Error(`no command but ${pdu && describePdu(pdu)}`);
    return decodeCommandSet(pdu.body.subarray(6));
  }

  async nextControl(): Promise<ControlPdu> {
    const pdu = await this.next();
    if (pdu === undefined) throw new Error('closed');
    return decodePdu(pdu.type, pdu.body);
  }
}

export function describePdu({ type, body }: ReceivedPdu): string {
  if (type === 4) return 'DATA';
  const pdu = decodePdu(type, body);
  switch (pdu.kind) {
    case 'associate-request':
      return 'RQ';
    case 'associate-accept':
      return 'AC';
    case 'associate-reject':
      return `RJ(${pdu.result},${pdu.source},${pdu.diagnostic})`;
    case 'release-request':
      return 'RELEASE-RQ';
    case 'release-reply':
      return 'RP';
    case 'abort':
      return `AB(${pdu.source},${pdu.reason})`;
  }
}
