import { describe, expect, it } from 'vitest';
import { addressBytes } from './address.ts';

const hexOf = (host: string) => {
  const bytes = addressBytes(host);
  return bytes && Buffer.from(bytes).toString('hex');
};

describe('an address', () => {
  it.each([
    ['10.0.255.1', '0a00ff01'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['2001:DB8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221'],
  ])('%s is its bytes', (host, hex) => {
    expect(hexOf(host)).toBe(hex);
  });

  it.each([
    ...['', 'localhost', '1.2.3', '1.2.3.256', '1.2.3.4.5', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', 'fe80::1%eth0'],
    ...['1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '12345::', 'g::', '1.2.3.4::', '::1.2.3.4:5', '::ffff:1.2.3.999'],
  ])('%s is none', (host) => {
    expect(hexOf(host)).toBeUndefined();
  });
});
