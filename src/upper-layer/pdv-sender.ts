import type { OutgoingMessage } from './association.ts';
import { encodeCommandSet } from './command-set.ts';
import { encodeDataHeader } from './pdu-encoder.ts';
import { messageControl, pdvHeaderBytes } from './pdu.ts';
import type { SocketWriter } from './socket-writer.ts';

/**
 * Cuts messages into P-DATA-TF PDUs with one PDV each (PS3.8 Annex E), command and data set alike
 * within what the peer takes. Bytes go to the socket as they are given, never copied together.
 */
export class PdvSender {
  readonly #writer: Pick<SocketWriter, 'write' | 'room' | 'flushed'>;
  readonly #fragmentBytes: number;

  /** @param options.maxPduBytes - the longest PDU to send, at least 128. */
  constructor(options: {
    readonly writer: Pick<SocketWriter, 'write' | 'room' | 'flushed'>;
    readonly maxPduBytes: number;
  }) {
    this.#writer = options.writer;
    this.#fragmentBytes = options.maxPduBytes - pdvHeaderBytes;
  }

  /**
   * Resolves when the kernel has the whole message.
   *
   * @param onStart - called when the first byte is about to leave. An error before that (a data set
   *   that cannot be opened) has cost the association nothing.
   */
  async send(message: OutgoingMessage, onStart: () => void): Promise<void> {
    const { contextId, command, dataSet } = message;
    let head = this.#commandParts(contextId, encodeCommandSet(command));
    if (dataSet === undefined) {
      onStart();
      this.#writer.write(head);
      return this.#writer.flushed();
    }

    // The command waits for the first piece of its data set and leaves with it in one system call.
    const emit = (parts: readonly Buffer[], size: number, isLast: boolean): void => {
      if (head.length > 0) onStart();
      const header = encodeDataHeader(contextId, isLast ? messageControl.last : 0, size);
      this.#writer.write([...head, header, ...parts]);
      head = [];
    };
    let parts: Buffer[] = [];
    let size = 0;
    for await (const piece of Buffer.isBuffer(dataSet) ? [dataSet] : dataSet) {
      let rest = piece;
      while (rest.length > 0) {
        if (size === this.#fragmentBytes) {
          emit(parts, size, false);
          parts = [];
          size = 0;
          const room = this.#writer.room();
          if (room !== undefined) await room;
        }
        const part = rest.subarray(0, this.#fragmentBytes - size);
        parts.push(part);
        size += part.length;
        rest = rest.subarray(part.length);
      }
    }
    emit(parts, size, true);
    return this.#writer.flushed();
  }

  #commandParts(contextId: number, command: Buffer): Buffer[] {
    const parts: Buffer[] = [];
    for (let start = 0; start < command.length; start += this.#fragmentBytes) {
      const fragment = command.subarray(start, start + this.#fragmentBytes);
      const isLast = start + fragment.length === command.length;
      const control = messageControl.command | (isLast ? messageControl.last : 0);
      parts.push(encodeDataHeader(contextId, control, fragment.length), fragment);
    }
    return parts;
  }
}
