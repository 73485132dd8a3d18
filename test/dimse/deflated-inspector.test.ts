import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { inspectDeflatedDataSet } from '../../src/dimse/deflated-inspector.ts';
import { ObjectMismatchError, ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import { explicitElement } from '../support/data-set.ts';
import { uid } from '../support/uid.ts';

const expected = { sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'), sopInstanceUid: uid('1.2.3') };
const head = Buffer.concat([
  explicitElement(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2\0'),
  explicitElement(0x00080018, 'UI', '1.2.3\0'),
  explicitElement(0x0020000d, 'UI', '1.2\0'),
  explicitElement(0x0020000e, 'UI', '1.2.2\0'),
]);

async function inspect(bytes: Buffer, chunkBytes = 1000): Promise<string> {
  const inspector = inspectDeflatedDataSet(expected);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await inspector.push(bytes.subarray(at, at + chunkBytes));
  }
  return (await inspector.finish()).studyInstanceUid;
}

describe('inspectDeflatedDataSet', () => {
  it('B12 reads the identity of a valid deflated data set, also with its padding byte', async () => {
    const deflated = deflateRawSync(
      Buffer.concat([head, explicitElement(0x7fe00010, 'OW', Buffer.alloc(50_000, 'x'))]),
    );

    expect(await inspect(deflated, 7)).toBe('1.2');
    expect(await inspect(Buffer.concat([deflated, Buffer.alloc(1)]))).toBe('1.2');
  });

  it('B12 refuses a truncated stream', async () => {
    const deflated = deflateRawSync(head);

    await expect(inspect(deflated.subarray(0, deflated.length - 3))).rejects.toThrow(
      ObjectUnreadableError,
    );
  });

  it('refuses what is no deflate stream', async () => {
    await expect(inspect(Buffer.alloc(300, 0xff))).rejects.toThrow(ObjectUnreadableError);
  });

  it('B12 inflates one mebibyte of a bomb and lets the rest go by', async () => {
    const bomb = deflateRawSync(
      Buffer.concat([head, explicitElement(0x7fe00010, 'OW', Buffer.alloc(200 * 1024 * 1024))]),
    );
    const before = process.memoryUsage().arrayBuffers;

    expect(await inspect(bomb)).toBe('1.2');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  it('B02 refuses another SOP Instance UID than the command named', async () => {
    const other = deflateRawSync(
      Buffer.concat([
        explicitElement(0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.2\0'),
        explicitElement(0x00080018, 'UI', '1.2.4\0'),
      ]),
    );

    await expect(inspect(other)).rejects.toThrow(ObjectMismatchError);
  });
});
