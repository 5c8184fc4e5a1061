import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBencoding } from './bencoding.ts';
import {
  decodeExtendedHandshake,
  type ExtendedHandshake,
  encodeExtendedHandshake,
  SHOAL_AUTH,
  SHOAL_AUTH_ID,
} from './extended-handshake.ts';

const OURS = {
  m: { [SHOAL_AUTH]: SHOAL_AUTH_ID },
  v: 'Shoal 0.1.0',
  reqq: 500,
  p: 7610,
  shoal: { protocol: 1, block: 262_144, nonce: new Uint8Array(32).fill(7), ticket: 'abc.def' },
} satisfies ExtendedHandshake;

const REFUSED = { ok: false, reason: 'bad extended handshake' };

function decodeText(text: string) {
  return decodeExtendedHandshake(Buffer.from(text, 'latin1'));
}

describe('extended handshake', () => {
  it('comes back as it was encoded', () => {
    expect(decodeExtendedHandshake(encodeExtendedHandshake(OURS))).toEqual({ ok: true, handshake: OURS });
  });

  it('reads a foreign client, dropping what makes no sense to it', () => {
    const bytes = encodeBencoding({
      m: { ut_pex: 1, ut_metadata: 300, off: 0, odd: 'x' },
      v: 'x'.repeat(101),
      reqq: 0,
      p: 70_000,
      yourip: Buffer.of(127, 0, 0, 1),
      complete_ago: -1,
    });
    expect(decodeExtendedHandshake(bytes)).toEqual({ ok: true, handshake: { m: { ut_pex: 1, off: 0 } } });
    expect(decodeText('de')).toEqual({ ok: true, handshake: { m: {} } });
  });

  it.each([
    ['nothing', ''],
    ['a list', 'le'],
    ['a number', 'i1e'],
    ['a string', '2:de'],
    ['a truncated dictionary', 'd1:md'],
    ['something behind the dictionary', 'dee'],
    ['an m that is no dictionary', 'd1:mi1ee'],
    ['a shoal that is no dictionary', 'd5:shoali1ee'],
    ['a negative length', 'd-3:e'],
    ['a length beyond the end', 'd1:v999999:xe'],
    ['a length of many digits', `d1:v${'9'.repeat(5000)}:xe`],
    ['a deep nest', `d1:m${'l'.repeat(30_000)}${'e'.repeat(30_000)}e`],
  ])('refuses %s', (_what, text) => {
    expect(decodeText(text)).toEqual(REFUSED);
  });

  it.each([
    ['a protocol below 1', { ...OURS.shoal, protocol: 0 }],
    ['a block below 16 KiB', { ...OURS.shoal, block: 16_383 }],
    ['a block above 4 MiB', { ...OURS.shoal, block: 2 ** 22 + 1 }],
    ['a nonce of another length', { ...OURS.shoal, nonce: new Uint8Array(31) }],
    ['a ticket without end', { ...OURS.shoal, ticket: 'x'.repeat(2049) }],
  ])('refuses %s', (_what, shoal) => {
    expect(decodeExtendedHandshake(encodeExtendedHandshake({ ...OURS, shoal }))).toEqual(REFUSED);
  });

  it('talks to a newer agent: what it does not know of it is passed over', () => {
    const newer = { ...OURS.shoal, protocol: 7 };
    const bytes = encodeBencoding({ ...OURS, shoal: { ...newer, zstd: 1, extra: { a: 'b' } } });
    expect(decodeExtendedHandshake(bytes)).toEqual({ ok: true, handshake: { ...OURS, shoal: newer } });
  });

  it('takes nothing from a prototype that came over the wire', () => {
    const shoal = 'd5:blocki16384e5:nonce32:00000000000000000000000000000000' + '6:ticket1:xe';
    const result = decodeText(`d9:__proto__d5:shoal${shoal}1:pi1eee`);
    expect(result).toEqual({ ok: true, handshake: { m: {} } });
    const named = decodeText('d1:md9:__proto__i3e11:constructori2eee');
    expect(named.ok && named.handshake.m).toEqual({ constructor: 2 });
    expect(({} as Record<string, unknown>).shoal).toBeUndefined();
  });

  it('refuses an m of more than 64 names', () => {
    const m = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`x${index}`, 1]));
    expect(decodeExtendedHandshake(encodeExtendedHandshake({ m }))).toEqual(REFUSED);
  });

  it('never throws, whatever is damaged', () => {
    const bytes = encodeExtendedHandshake(OURS);
    const damage = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), { maxLength: 5 });
    fc.assert(
      fc.property(damage, fc.nat({ max: bytes.length }), (changes, end) => {
        const damaged = Buffer.from(bytes);
        for (const [at, byte] of changes) damaged[at] = byte;
        expect(decodeExtendedHandshake(damaged.subarray(0, end))).toHaveProperty('ok');
      }),
      { numRuns: 1000 },
    );
  });
});
