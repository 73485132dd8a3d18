import { describe, expect, it } from 'vitest';
import { decide, mayTouchStudy } from '../../src/access/decide.ts';
import type { Action } from '../../src/access/decide.ts';
import type { Principal, Scope } from '../../src/access/principal.ts';
import { uid } from '../support/uid.ts';

const listed = uid('1.2.3');
const other = uid('1.2.4');

function principal(scopes: readonly Scope[], more: Partial<Principal> = {}): Principal {
  return {
    subject: 'somebody',
    issuer: 'https://idp.test',
    displayName: 'somebody',
    scopes: new Set(scopes),
    tenant: undefined,
    studies: undefined,
    tokenId: undefined,
    expiresAt: 0,
    ...more,
  };
}

const everywhere = { kind: 'allow', onlyStudies: undefined };
const only = (...studies: readonly string[]) => ({
  kind: 'allow',
  onlyStudies: new Set(studies.map(uid)),
});
const hidden = { kind: 'deny', reason: 'outside_grant' };
const lacks = (scope: Scope) => ({ kind: 'deny', reason: 'insufficient_scope', scope });

describe('a token without a grant', () => {
  it.each<[scopes: Scope[], Action, object]>([
    [['read'], 'search', everywhere],
    [['read'], 'retrieve', everywhere],
    [['read'], 'store', lacks('write')],
    [['read'], 'administer', lacks('admin')],
    [['write'], 'search', lacks('read')],
    [['write'], 'retrieve', lacks('read')],
    [['write'], 'store', everywhere],
    [['write'], 'administer', lacks('admin')],
    [['admin'], 'search', lacks('read')],
    [['admin'], 'retrieve', lacks('read')],
    [['admin'], 'store', lacks('write')],
    [['admin'], 'administer', everywhere],
    [['read', 'write'], 'search', everywhere],
    [['read', 'write'], 'store', everywhere],
    [['read', 'write'], 'administer', lacks('admin')],
    [[], 'search', lacks('read')],
  ])('with %j, to %s', (scopes, action, expected) => {
    for (const studyInstanceUid of [undefined, listed]) {
      expect(decide(principal(scopes), action, { studyInstanceUid })).toEqual(expected);
    }
  });
});

describe('a token limited to a study', () => {
  const limited = principal(['read', 'write'], { studies: new Set([listed]) });

  it.each<[Action, string | undefined, object]>([
    ['search', undefined, only('1.2.3')],
    ['search', '1.2.3', only('1.2.3')],
    ['search', '1.2.4', only()],
    ['retrieve', '1.2.3', everywhere],
    ['retrieve', '1.2.4', hidden],
    // Nothing says which study it is: a tool for finding out what is there.
    ['retrieve', undefined, hidden],
    ['store', undefined, only('1.2.3')],
    ['store', '1.2.3', only('1.2.3')],
    ['store', '1.2.4', only()],
    ['administer', undefined, lacks('admin')],
  ])('D31 to %s %s', (action, study, expected) => {
    const studyInstanceUid = study === undefined ? undefined : uid(study);

    expect(decide(limited, action, { studyInstanceUid })).toEqual(expected);
  });

  it('D31 that lacks the scope is told so whether the study is its own or not', () => {
    const reader = principal(['write'], { studies: new Set([listed]) });

    expect(decide(reader, 'retrieve', { studyInstanceUid: other })).toEqual(lacks('read'));
    expect(decide(reader, 'retrieve', { studyInstanceUid: listed })).toEqual(lacks('read'));
  });

  it('that lists no study finds, gets and adds nothing', () => {
    const nothing = principal(['read', 'write'], { studies: new Set() });

    expect(decide(nothing, 'search', {})).toEqual(only());
    expect(decide(nothing, 'retrieve', { studyInstanceUid: listed })).toEqual(hidden);
    expect(decide(nothing, 'store', {})).toEqual(only());
  });

  it('lets each part of a store be checked by its own study', () => {
    const decision = decide(limited, 'store', {});
    if (decision.kind !== 'allow') throw new Error('it was denied');

    expect(mayTouchStudy(decision, listed)).toBe(true);
    expect(mayTouchStudy(decision, other)).toBe(false);
    expect(mayTouchStudy(decision, undefined)).toBe(false);
    expect(mayTouchStudy({ kind: 'allow', onlyStudies: undefined }, undefined)).toBe(true);
  });
});

describe('a token of a tenant', () => {
  it.each<Action>(['search', 'retrieve', 'store', 'administer'])(
    'D31 may not %s on a bridge without tenants, whatever its scopes',
    (action) => {
      const tenant = principal(['read', 'write', 'admin'], { tenant: 'a' });

      expect(decide(tenant, action, {})).toEqual({ kind: 'deny', reason: 'unknown_tenant' });
    },
  );

  it('D15 is not told of a scope when no scope would help', () => {
    const tenant = principal([], { tenant: 'a' });

    expect(decide(tenant, 'search', {})).toMatchObject({ reason: 'unknown_tenant' });
  });

  it('may what the rule of the site says', () => {
    const tenant = principal(['read'], { tenant: 'a' });
    const rule = (name: string | undefined) =>
      ({ kind: name === 'a' ? 'everything' : 'unknown' }) as const;

    expect(decide(tenant, 'search', {}, rule)).toEqual(everywhere);
    expect(decide({ ...tenant, tenant: 'b' }, 'search', {}, rule)).toMatchObject({ kind: 'deny' });
  });
});
