/** Verification SOP Class (PS3.4 §A.4). */
export const verificationSopClass = '1.2.840.10008.1.1';

const standardRoot = '1.2.840.10008.';
const standardStorage = '1.2.840.10008.5.1.4.1.1.';

/**
 * Says whether an abstract syntax counts as a storage SOP class.
 *
 * The standard's own storage classes all lie under `1.2.840.10008.5.1.4.1.1.`, present and future
 * ones; whatever lies outside the standard's root is a private class, which a modality may want to
 * store too. Anything else under the root is some other service (PS3.4 §B.5, PS3.6 Annex A).
 */
export function isStorageSopClass(uid: string): boolean {
  return uid.startsWith(standardStorage) || !uid.startsWith(standardRoot);
}
