import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolationError } from '../../src/errors/association-errors.ts';
import { decodePdu } from '../../src/upper-layer/pdu-decoder.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import type { ControlPdu } from '../../src/upper-layer/pdu.ts';
import { requestPdu } from './support/bytes.ts';

const uid = fc.stringMatching(/^[0-9]{1,5}(\.[0-9]{1,9}){1,4}$/);
const title = fc.string({ unit: 'binary-ascii', minLength: 16, maxLength: 16 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const ids = fc.uniqueArray(
  fc.nat(127).map((n) => 2 * n + 1),
  { maxLength: 20 },
);
const byte = fc.nat(255);

const userInformation = {
  maxPduBytes: fc.nat(),
  implementationClassUid: uid,
  implementationVersionName: fc.stringMatching(/^[A-Z0-9_]{1,16}$/),
  roleSelections: fc.array(fc.record({ sopClassUid: uid, scu: fc.boolean(), scp: fc.boolean() }), {
    maxLength: 3,
  }),
  extendedNegotiations: fc.array(fc.record({ sopClassUid: uid, applicationInformation: bytes }), {
    maxLength: 3,
  }),
  asynchronousOperations: fc.record({ invoked: fc.nat(65535), performed: fc.nat(65535) }),
};
const common = {
  protocolVersion: fc.nat(65535),
  calledAeTitle: title,
  callingAeTitle: title,
  reserved: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array)),
  applicationContextName: uid,
  ...userInformation,
};
const required = [
  'protocolVersion',
  'calledAeTitle',
  'callingAeTitle',
  'reserved',
  'applicationContextName',
  'maxPduBytes',
  'roleSelections',
  'extendedNegotiations',
] as const;

const pdus: fc.Arbitrary<ControlPdu> = fc.oneof(
  fc
    .record(
      {
        ...common,
        presentationContexts: ids.chain((list) =>
          fc.tuple(
            ...list.map((id) =>
              fc.record({
                id: fc.constant(id),
                abstractSyntax: uid,
                transferSyntaxes: fc.array(uid, { minLength: 1, maxLength: 4 }),
              }),
            ),
          ),
        ),
        userIdentity: fc.record({
          type: byte,
          positiveResponseRequested: fc.boolean(),
          primary: bytes,
          secondary: bytes,
        }),
      },
      { requiredKeys: [...required, 'presentationContexts'] },
    )
    .map((request): ControlPdu => ({ kind: 'associate-request', request })),
  fc
    .record(
      {
        ...common,
        contexts: ids.chain((list) =>
          fc.tuple(
            ...list.map((id) =>
              fc.record({
                id: fc.constant(id),
                result: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const),
                transferSyntax: uid,
              }),
            ),
          ),
        ),
        userIdentityResponse: bytes,
      },
      { requiredKeys: [...required, 'contexts'] },
    )
    .map((acceptance): ControlPdu => ({ kind: 'associate-accept', acceptance })),
  fc.record({
    kind: fc.constant('associate-reject' as const),
    result: byte,
    source: byte,
    diagnostic: byte,
  }),
  fc.constant({ kind: 'release-request' } as const),
  fc.constant({ kind: 'release-reply' } as const),
  fc.record({ kind: fc.constant('abort' as const), source: byte, reason: byte }),
);

describe('PDU codec', () => {
  it('reads back every PDU it wrote', () => {
    fc.assert(
      fc.property(pdus, (pdu) => {
        const written = encodePdu(pdu);

        expect(written.readUInt32BE(2)).toBe(written.length - 6);
        expect(decodePdu(written.readUInt8(0), written.subarray(6))).toEqual(pdu);
      }),
    );
  });

  it('answers any damaged PDU with a PDU or a protocol violation', () => {
    const damages = fc.array(fc.record({ at: fc.nat(), value: byte }), { maxLength: 5 });
    fc.assert(
      fc.property(pdus, damages, fc.nat(), (pdu, changes, cut) => {
        const written = encodePdu(pdu);
        const body = Buffer.from(written.subarray(6));
        for (const { at, value } of changes) body[at % body.length] = value;
        const end = cut % 3 === 0 ? cut % (body.length + 1) : body.length;
        try {
          expect(decodePdu(written.readUInt8(0), body.subarray(0, end)).kind).toBe(pdu.kind);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolationError);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('A23 refuses a request cut anywhere but between two items', () => {
    const body = requestPdu().subarray(6);
    const betweenItems = new Set([body.length, 68]);
    for (let at = 68; at < body.length; at += 4 + body.readUInt16BE(at + 2)) betweenItems.add(at);

    for (let end = 0; end < body.length; end += 1) {
      if (betweenItems.has(end)) continue;
      expect(() => decodePdu(1, body.subarray(0, end)), `cut at ${end}`).toThrow(
        ProtocolViolationError,
      );
    }
  });
});
