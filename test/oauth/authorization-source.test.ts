import { describe, expect, it } from 'vitest';
import {
  basicAuthorization,
  bearerAuthorization,
  noAuthorization,
} from '../../src/oauth/authorization-source.ts';

const { signal } = new AbortController();

describe('authorization that does not change', () => {
  it('sends nothing at all', async () => {
    expect(await noAuthorization().authorization({ signal })).toBeUndefined();
  });

  it('sends user name and password in UTF-8 (RFC 7617 §2.1)', async () => {
    const source = basicAuthorization('test', '123£:x');

    expect(await source.authorization({ signal })).toBe('Basic dGVzdDoxMjPCozp4');
  });

  it('keeps sending its bearer token, refused or not, for there is no other', async () => {
    const source = bearerAuthorization('abc');

    source.refused('Bearer abc');

    expect(await source.authorization({ signal })).toBe('Bearer abc');
  });

  it('ends a wait the caller gave up', () => {
    const reason = new Error('gone');

    expect(() => noAuthorization().authorization({ signal: AbortSignal.abort(reason) })).toThrow(
      reason,
    );
  });
});
