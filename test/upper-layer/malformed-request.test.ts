import { expect, it, describe } from 'vitest';
import { implicitLittle, rawPdu, requestPdu } from './support/bytes.ts';
import { startAcceptor } from './support/acceptor.ts';

describe('a malformed A-ASSOCIATE-RQ', () => {
  it.each(malformedRequests())('A23 A24 refuses a request in which %s', async (_, request) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(request);

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it('A24 passes over items and sub-items it does not know', async () => {
    const acceptor = await startAcceptor();
    const stranger = Buffer.from('7f000008aaaaaaaaaaaaaaaa', 'hex');
    const strangerBelow = Buffer.from('5f000008aaaaaaaaaaaaaaaa', 'hex');
    const { fixed, items, userItems } = requestParts();
    const userInformation = Buffer.concat([strangerBelow, userItems, strangerBelow]);
    const body = Buffer.concat([fixed, stranger, items, stranger, item(0x50, userInformation)]);

    await acceptor.associate(rawPdu(1, body));
  });
});

/** The pieces of a valid request, to be put together wrongly. */
function requestParts(): { fixed: Buffer; items: Buffer; userItems: Buffer } {
  const body = requestPdu().subarray(6);
  const user = body.lastIndexOf(Buffer.from('5000', 'hex'));
  return {
    fixed: body.subarray(0, 68),
    items: body.subarray(68, user),
    userItems: body.subarray(user + 4),
  };
}

function item(type: number, value: Buffer, length = value.length): Buffer {
  return Buffer.concat([Buffer.of(type, 0, length >> 8, length & 0xff), value]);
}

function malformedRequests(): (readonly [string, Buffer])[] {
  const { fixed, items, userItems } = requestParts();
  const application = item(0x10, Buffer.from('1.2.840.10008.3.1.1.1'));
  const abstract = item(0x30, Buffer.from('1.2.840.10008.1.1'));
  const transfer = item(0x40, Buffer.from(implicitLittle));
  const user = item(0x50, userItems);
  const context = (...parts: Buffer[]): Buffer =>
    item(0x20, Buffer.concat([Buffer.of(1, 0, 0, 0), ...parts]));
  const request = (...parts: Buffer[]): Buffer => rawPdu(1, Buffer.concat([fixed, ...parts]));
  const withUser = (...parts: Buffer[]): Buffer =>
    request(items, item(0x50, Buffer.concat([userItems, ...parts])));
  return [
    [
      'an item points one byte past the PDU',
      request(items, item(0x50, userItems, userItems.length + 1)),
    ],
    ['an item header is cut short', request(items, user, Buffer.from('50 00 00', 'hex'))],
    [
      'a sub-item points past its parent',
      request(application, context(abstract, item(0x40, Buffer.from('1.2'), 9)), user),
    ],
    ['a context is empty', request(application, item(0x20, Buffer.alloc(0)), user)],
    [
      'an abstract syntax is empty',
      request(application, context(item(0x30, Buffer.alloc(0)), transfer), user),
    ],
    ['an abstract syntax is missing', request(application, context(transfer), user)],
    [
      'a transfer syntax is empty',
      request(application, context(abstract, item(0x40, Buffer.alloc(0))), user),
    ],
    [
      'there are two abstract syntaxes',
      request(application, context(abstract, abstract, transfer), user),
    ],
    [
      'the application context is empty',
      request(item(0x10, Buffer.alloc(0)), context(abstract, transfer), user),
    ],
    ['there are two application contexts', request(application, items, user)],
    ['the user information is empty', request(items, item(0x50, Buffer.alloc(0)))],
    ['the maximum length is cut short', request(items, item(0x50, item(0x51, Buffer.alloc(3))))],
    ['a role selection overruns', withUser(item(0x54, Buffer.from('00ff312e32', 'hex')))],
    ['B24 a user identity overruns', withUser(item(0x58, Buffer.from('0201ffff616263', 'hex')))],
    ['an operations window is cut short', withUser(item(0x53, Buffer.alloc(2)))],
  ];
}
