import { describe, expect, it } from 'vitest';
import { admitsHook, admitsPreheat, type PreheatDoor } from './doors.ts';

const door: PreheatDoor = { secret: 's3cret', username: 'harbor', header: 'X-Key', isOpen: false };
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('the door of preheats', () => {
  it.each([
    [{ authorization: 'Bearer s3cret' }, true],
    [{ authorization: 'bearer s3cret' }, true],
    [basic('harbor:s3cret'), true],
    [{ 'x-key': 's3cret' }, true],
    [{}, false],
    [{ authorization: '' }, false],
    [{ authorization: 's3cret' }, false],
    [{ authorization: 'Bearer s3cre' }, false],
    [{ authorization: 'Bearer s3crett' }, false],
    [{ authorization: 'Token s3cret' }, false],
    [basic('admin:s3cret'), false],
    [basic('harbor:other'), false],
    [basic('s3cret'), false],
    [{ 'x-key': 'S3CRET' }, false],
    [{ 'x-key': ['s3cret', 's3cret'] }, false],
  ])('with %j opens: %j', (headers, opens) => {
    expect(admitsPreheat(door, headers)).toBe(opens);
  });

  it('takes a custom Authorization as it is', () => {
    const custom = { ...door, header: 'Authorization' };
    expect(admitsPreheat(custom, { authorization: 's3cret' })).toBe(true);
    expect(admitsPreheat(custom, { authorization: 'other' })).toBe(false);
  });

  it('that is open asks for nothing, and still refuses what is wrong', () => {
    expect(admitsPreheat({ ...door, isOpen: true }, {})).toBe(true);
    expect(admitsPreheat({ ...door, isOpen: true }, { authorization: 'Bearer wrong' })).toBe(false);
    expect(admitsPreheat({ ...door, isOpen: true }, { 'x-key': 'wrong' })).toBe(false);
  });

  it('without a secret is closed unless it is open', () => {
    const { secret: _, ...none } = door;
    expect(admitsPreheat(none, { authorization: 'Bearer ' })).toBe(false);
    expect(admitsPreheat({ ...none, isOpen: true }, {})).toBe(true);
  });
});

describe('the door of webhooks', () => {
  it('opens for the very value of Authorization', () => {
    expect(admitsHook('Bearer s3cret', { authorization: 'Bearer s3cret' })).toBe(true);
    for (const authorization of ['s3cret', 'bearer s3cret', 'Bearer s3cret ', '', undefined])
      expect(admitsHook('Bearer s3cret', { authorization })).toBe(false);
  });
});
