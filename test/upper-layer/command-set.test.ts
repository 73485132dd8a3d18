import dimse from 'dcmjs-dimse';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolationError } from '../../src/errors/association-errors.ts';
import {
  commandField,
  decodeCommandSet,
  encodeCommandSet,
} from '../../src/upper-layer/command-set.ts';
import type { CommandSet } from '../../src/upper-layer/command-set.ts';
import { echoCommand } from './support/bytes.ts';

dimse.log.setLevel('silent');

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uid = fc.stringMatching(/^1\.[1-9][0-9]{0,20}(\.[1-9][0-9]{0,8}){0,3}$/);
const title = fc.stringMatching(/^[A-Z]{1,16}$/);
const tag = fc.integer({ min: 0, max: 0xffffffff });

const commandSets: fc.Arbitrary<CommandSet> = fc
  .record(
    {
      commandField: uint16,
      messageId: uint16,
      messageIdBeingRespondedTo: uint16,
      affectedSopClassUid: uid,
      requestedSopClassUid: uid,
      affectedSopInstanceUid: uid,
      requestedSopInstanceUid: uid,
      priority: uint16,
      hasDataSet: fc.boolean(),
      status: uint16,
      offendingElements: fc.array(tag, { minLength: 1, maxLength: 5 }),
      errorComment: fc.stringMatching(/^[ -[\]-~]{0,63}[!-[\]-~]$/),
      errorId: uint16,
      moveDestination: title,
      moveOriginatorAeTitle: title,
      moveOriginatorMessageId: uint16,
      numberOfRemainingSubOperations: uint16,
      numberOfCompletedSubOperations: uint16,
      numberOfFailedSubOperations: uint16,
      numberOfWarningSubOperations: uint16,
      eventTypeId: uint16,
      actionTypeId: uint16,
    },
    { requiredKeys: ['commandField', 'hasDataSet'] },
  )
  .map((command) => command as CommandSet);

describe('command set', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(commandSets, (command) => {
        expect(decodeCommandSet(encodeCommandSet(command))).toEqual(command);
      }),
    );
  });

  it('writes ascending elements, even lengths and the true group length', () => {
    fc.assert(
      fc.property(commandSets, (command) => {
        const bytes = encodeCommandSet(command);
        const elements: number[] = [];
        for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32LE(at + 4)) {
          expect(bytes.readUInt32LE(at + 4) % 2).toBe(0);
          elements.push(bytes.readUInt16LE(at + 2));
        }

        expect(bytes.readUInt32LE(8)).toBe(bytes.length - 12);
        expect(elements).toEqual([...elements].sort((a, b) => a - b));
      }),
    );
  });

  it('is read by dcmjs-dimse as it was meant', () => {
    fc.assert(
      fc.property(commandSets, (command) => {
        const read = new dimse.Dataset(encodeCommandSet(command), '1.2.840.10008.1.2');
        const element = (name: string): unknown => read.getElement(name);

        expect(element('CommandField')).toBe(command.commandField);
        expect(element('MessageID')).toBe(command.messageId);
        expect(element('MessageIDBeingRespondedTo')).toBe(command.messageIdBeingRespondedTo);
        expect(element('AffectedSOPClassUID')).toBe(command.affectedSopClassUid);
        expect(element('AffectedSOPInstanceUID')).toBe(command.affectedSopInstanceUid);
        expect(element('RequestedSOPInstanceUID')).toBe(command.requestedSopInstanceUid);
        expect(element('Status')).toBe(command.status);
        expect(element('MoveDestination')).toBe(command.moveDestination);
        expect(element('CommandDataSetType') !== 0x0101).toBe(command.hasDataSet);
        expect(element('NumberOfFailedSuboperations')).toBe(command.numberOfFailedSubOperations);
      }),
      { numRuns: 50 },
    );
  });

  it('reads what dcmjs-dimse writes', () => {
    const half = fc.record({ messageId: uint16, uid, instance: uid, status: uint16 });
    fc.assert(
      fc.property(half, ({ messageId, uid: sopClass, instance, status }) => {
        const written = new dimse.Dataset({
          AffectedSOPClassUID: sopClass,
          CommandField: commandField.cStoreRsp,
          MessageIDBeingRespondedTo: messageId,
          CommandDataSetType: 0x0101,
          Status: status,
          AffectedSOPInstanceUID: instance,
        });

        expect(decodeCommandSet(written.getDenaturalizedCommandDataset())).toEqual({
          affectedSopClassUid: sopClass,
          commandField: commandField.cStoreRsp,
          messageIdBeingRespondedTo: messageId,
          hasDataSet: false,
          status,
          affectedSopInstanceUid: instance,
        });
      }),
      { numRuns: 50 },
    );
  });

  it('B19 answers any bytes with a command set or a protocol violation', () => {
    const valid = encodeCommandSet(echoCommand());
    const damaged = fc
      .array(fc.record({ at: fc.nat(valid.length - 1), value: fc.nat(255) }), { maxLength: 4 })
      .map((changes) => {
        const bytes = Buffer.from(valid);
        for (const { at, value } of changes) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(
        fc.oneof(
          damaged,
          fc.nat(valid.length).map((end) => valid.subarray(0, end)),
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          try {
            expect(decodeCommandSet(bytes)).toHaveProperty('commandField');
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolViolationError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  const element = (tagInGroup: number, value: string): string => {
    const header = Buffer.alloc(8);
    header.writeUInt16LE(tagInGroup, 2);
    header.writeUInt32LE(value.length / 2, 4);
    return header.toString('hex') + value;
  };
  const field = element(0x0100, '3000');
  const noDataSet = element(0x0800, '0101');

  it.each([
    ['lacks Command Field', noDataSet],
    ['lacks Command Data Set Type', field],
    ['repeats an element', field + noDataSet + field],
    ['has an element of group 0008', field + noDataSet + '08001800' + '00000000'],
    ['has a value that reaches past the end', field + noDataSet + '00001001' + '04000000' + '0100'],
    ['has a value of undefined length', field + noDataSet + '00000200' + 'ffffffff'],
    ['has a number of 4 bytes', field + noDataSet + element(0x0110, '01000000')],
    ['has a tag of 3 bytes', field + noDataSet + element(0x0901, '010203')],
    ['is written in explicit VR', '0000000155530200' + '3000' + '0000000855530200' + '0101'],
  ])('B19 refuses a command set that %s', (_, hex) => {
    expect(() => decodeCommandSet(Buffer.from(hex, 'hex'))).toThrow(ProtocolViolationError);
  });

  it('B19 tolerates a wrong group length, unknown elements and any order', () => {
    const hex = noDataSet + element(0x0000, 'ffffff7f') + element(0x5010, 'abcd') + field;

    expect(decodeCommandSet(Buffer.from(hex, 'hex'))).toEqual({
      commandField: commandField.cEchoRq,
      hasDataSet: false,
    });
  });

  it('B05 hands on a UID as it came, without its padding', () => {
    const hostile = '../../../../tmp/pwn';
    const hex = field + noDataSet + element(0x1000, Buffer.from(`${hostile}\0`).toString('hex'));

    expect(decodeCommandSet(Buffer.from(hex, 'hex')).affectedSopInstanceUid).toBe(hostile);
  });

  it('cuts an error comment to 64 characters that LO allows', () => {
    const errorComment = `C:\\path\n${'ü'.repeat(100)}`;
    const bytes = encodeCommandSet({ ...echoCommand(), errorComment });

    const read = decodeCommandSet(bytes).errorComment;

    expect(read).toBe(`C:?path?${'?'.repeat(56)}`);
  });
});
