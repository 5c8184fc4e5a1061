import { describe, expect, it } from 'vitest';
import { groupsOf, personOf } from './person.ts';

const RULES = { claim: 'groups', admins: ['ops'], readers: ['dev'] };

describe('a person', () => {
  it.each([
    [['ops', 'dev'], 'admin'],
    [['dev'], 'reader'],
    ['ops', 'admin'],
    [[], undefined],
    [undefined, undefined],
    [['OPS', 'ops ', 'op'], undefined],
    [{ ops: true }, undefined],
    [[['ops'], 1, null], undefined],
  ])('of the groups %j is %s', (groups, role) => {
    expect(personOf({ sub: 'x', groups }, RULES).role).toBe(role);
  });

  it("is a reader where readers has '*', and an admin only by a group: '*' there is a name like others", () => {
    expect(personOf({ sub: 'x' }, { claim: 'groups', admins: ['*'], readers: ['*'] }).role).toBe('reader');
  });

  it('is named as people know them, without what could break a line of a log', () => {
    expect(personOf({ sub: '1', preferred_username: ' ', email: 'a@b.c' }, RULES).name).toBe('a@b.c');
    expect(personOf({ sub: '1', preferred_username: 'a\r\nb' }, RULES).name).toBe('ab');
    expect(personOf({ sub: '1', preferred_username: '\u202eroot\u200b\u2028\u009b' }, RULES).name).toBe('root');
    expect(personOf({ sub: 'x'.repeat(500) }, RULES).name).toHaveLength(200);
    expect(personOf({}, RULES).name).toBe('?');
  });
});

describe('the groups', () => {
  it('stand in a claim with dots in its name, or below', () => {
    expect(groupsOf({ 'https://x.test/roles': ['a'] }, 'https://x.test/roles')).toEqual(['a']);
    expect(groupsOf({ realm_access: { roles: ['a'] } }, 'realm_access.roles')).toEqual(['a']);
    expect(groupsOf({ realm_access: null }, 'realm_access.roles')).toBeUndefined();
    expect(groupsOf({}, 'constructor.name')).toBeUndefined();
  });
});
