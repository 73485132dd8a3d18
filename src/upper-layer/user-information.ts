import {
  encodeCounted,
  encodeItem,
  FieldReader,
  readItems,
  readText,
  readUidText,
} from './items.ts';
import type {
  ExtendedNegotiation,
  RoleSelection,
  UserIdentity,
  UserInformation,
} from './negotiation.ts';

/** The User Information item (50H) of either PDU, with what only one of them may have. */
interface UserInformationItem extends UserInformation {
  readonly userIdentity?: UserIdentity;
  readonly userIdentityResponse?: Buffer;
}

/**
 * What a peer gets that names no maximum length. The sub-item is mandatory; who leaves it out is
 * more likely old than able to take PDUs of any size. DCMTK assumes the same.
 */
const assumedMaxPduBytes = 16384;

const subItem = {
  maximumLength: 0x51,
  implementationClassUid: 0x52,
  asynchronousOperations: 0x53,
  roleSelection: 0x54,
  implementationVersionName: 0x55,
  extendedNegotiation: 0x56,
  userIdentity: 0x58,
  userIdentityResponse: 0x59,
} as const;

/**
 * Reads the sub-items; those we do not know are passed over (PS3.8 §9.3.1).
 *
 * @throws {@link ProtocolViolationError} when one reaches past its end.
 */
export function decodeUserInformation(bytes: Buffer | undefined): UserInformationItem {
  const roleSelections: RoleSelection[] = [];
  const extendedNegotiations: ExtendedNegotiation[] = [];
  const single: Partial<Draft> = {};
  for (const { type, value } of bytes === undefined ? [] : readItems(bytes)) {
    const fields = new FieldReader(value);
    switch (type) {
      case subItem.maximumLength:
        single.maxPduBytes = fields.uint32();
        break;
      case subItem.implementationClassUid:
        single.implementationClassUid = readText(value);
        break;
      case subItem.asynchronousOperations:
        single.asynchronousOperations = { invoked: fields.uint16(), performed: fields.uint16() };
        break;
      case subItem.roleSelection:
        roleSelections.push({
          sopClassUid: readUidText(fields.counted()),
          scu: fields.uint8() === 1,
          scp: fields.uint8() === 1,
        });
        break;
      case subItem.implementationVersionName:
        single.implementationVersionName = readText(value);
        break;
      case subItem.extendedNegotiation:
        extendedNegotiations.push({
          sopClassUid: readUidText(fields.counted()),
          applicationInformation: Buffer.from(fields.bytes(fields.remaining)),
        });
        break;
      case subItem.userIdentity:
        single.userIdentity = {
          type: fields.uint8(),
          positiveResponseRequested: fields.uint8() === 1,
          primary: Buffer.from(fields.counted()),
          secondary: Buffer.from(fields.counted()),
        };
        break;
      case subItem.userIdentityResponse:
        single.userIdentityResponse = Buffer.from(fields.counted());
        break;
    }
  }
  return { maxPduBytes: assumedMaxPduBytes, ...single, roleSelections, extendedNegotiations };
}

type Draft = {
  -readonly [
    Key in Exclude<keyof UserInformationItem, 'roleSelections' | 'extendedNegotiations'>
  ]: UserInformationItem[Key];
};

/** Writes the value of the User Information item, sub-items in ascending order of type. */
export function encodeUserInformation(information: UserInformationItem): Buffer {
  const { implementationClassUid, implementationVersionName } = information;
  const { asynchronousOperations, userIdentity, userIdentityResponse } = information;
  const parts = [encodeItem(subItem.maximumLength, uint32(information.maxPduBytes))];
  if (implementationClassUid !== undefined) {
    parts.push(encodeItem(subItem.implementationClassUid, latin1(implementationClassUid)));
  }
  if (asynchronousOperations !== undefined) {
    const { invoked, performed } = asynchronousOperations;
    parts.push(encodeItem(subItem.asynchronousOperations, uint16(invoked), uint16(performed)));
  }
  for (const { sopClassUid, scu, scp } of information.roleSelections) {
    const roles = Buffer.of(Number(scu), Number(scp));
    parts.push(encodeItem(subItem.roleSelection, encodeCounted(latin1(sopClassUid)), roles));
  }
  if (implementationVersionName !== undefined) {
    const name = latin1(implementationVersionName.slice(0, 16));
    parts.push(encodeItem(subItem.implementationVersionName, name));
  }
  for (const { sopClassUid, applicationInformation } of information.extendedNegotiations) {
    const uid = encodeCounted(latin1(sopClassUid));
    parts.push(encodeItem(subItem.extendedNegotiation, uid, applicationInformation));
  }
  if (userIdentity !== undefined) {
    const { type, positiveResponseRequested, primary, secondary } = userIdentity;
    const head = Buffer.of(type, Number(positiveResponseRequested));
    const secrets = [encodeCounted(primary), encodeCounted(secondary)];
    parts.push(encodeItem(subItem.userIdentity, head, ...secrets));
  }
  if (userIdentityResponse !== undefined) {
    parts.push(encodeItem(subItem.userIdentityResponse, encodeCounted(userIdentityResponse)));
  }
  return Buffer.concat(parts);
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
