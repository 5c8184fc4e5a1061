import { expect, it } from 'vitest';
import { createRights } from './rights.ts';

const CLAIM = { host: 'harbor.test', repository: 'team/app', digest: 'sha256:ab', authorization: 'Basic bWU6cHc=' };

function rightsAt() {
  const clock = { nowMs: 1_000_000 };
  return { clock, rights: createRights(() => clock.nowMs) };
}

function bearer(claims: unknown): string {
  return `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

it('a right holds for a minute', () => {
  const { clock, rights } = rightsAt();
  rights.confirm(CLAIM);
  clock.nowMs += 59_999;
  expect(rights.isConfirmed(CLAIM)).toBe(true);
  clock.nowMs += 1;
  expect(rights.isConfirmed(CLAIM)).toBe(false);
});

it.each(['host', 'repository', 'digest', 'authorization'] as const)('a right is none for another %s', (key) => {
  const { rights } = rightsAt();
  rights.confirm(CLAIM);
  expect(rights.isConfirmed({ ...CLAIM, [key]: 'other' })).toBe(false);
});

it('a right does not outlive its token', () => {
  const { clock, rights } = rightsAt();
  const claim = { ...CLAIM, authorization: bearer({ exp: 1010 }) };
  rights.confirm(claim);
  clock.nowMs = 1_009_999;
  expect(rights.isConfirmed(claim)).toBe(true);
  clock.nowMs = 1_010_000;
  expect(rights.isConfirmed(claim)).toBe(false);
});

it.each(['Bearer x', 'Bearer a.%%.c', bearer({ exp: 'soon' }), bearer(null)])(
  '%s is a token without an end',
  (authorization) => {
    const { rights } = rightsAt();
    rights.confirm({ ...CLAIM, authorization });
    expect(rights.isConfirmed({ ...CLAIM, authorization })).toBe(true);
  },
);

it('keeps the newest ten thousand', () => {
  const { rights } = rightsAt();
  for (let at = 0; at <= 10_000; at++) rights.confirm({ ...CLAIM, digest: `${at}` });
  expect([rights.isConfirmed({ ...CLAIM, digest: '0' }), rights.isConfirmed({ ...CLAIM, digest: '1' })]).toEqual([
    false,
    true,
  ]);
});
