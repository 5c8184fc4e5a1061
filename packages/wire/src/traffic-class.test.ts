import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HANDSHAKE, LIMITS } from './decode.testkit.ts';
import { createDecoder } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { decodeClass, encodeClass, SHOAL_CLASS_ID, TRAFFIC_CLASSES } from './traffic-class.ts';

const REFUSED = { ok: false, reason: 'bad class' };

describe('the class of a link', () => {
  it('is one byte, the same for ever', () => {
    expect(TRAFFIC_CLASSES.map((trafficClass) => [trafficClass, ...encodeClass(trafficClass)])).toEqual([
      ['pull', 0],
      ['prewarm', 1],
      ['seed', 2],
    ]);
  });

  it('comes back as it was said, through the decoder and wherever it is cut', () => {
    fc.assert(
      fc.property(fc.constantFrom(...TRAFFIC_CLASSES), fc.nat({ max: 80 }), (said, cut) => {
        const payload = encodeClass(said);
        const bytes = Buffer.concat([HANDSHAKE, encodeMessage({ type: 'extended', id: SHOAL_CLASS_ID, payload })]);
        const decoder = createDecoder(LIMITS);
        const [, event] = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))];
        expect(event).toMatchObject({ type: 'extended', id: SHOAL_CLASS_ID });
        if (event?.type === 'extended') expect(decodeClass(event.payload)).toEqual({ ok: true, class: said });
      }),
    );
  });

  it.each([
    ['nothing', []],
    ['a class nobody knows', [3]],
    ['two bytes', [0, 0]],
  ])('refuses %s', (_what, bytes) => {
    expect(decodeClass(Buffer.from(bytes))).toEqual(REFUSED);
  });

  it('refuses whatever else arrives, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: LIMITS.maxMessageBytes }), (bytes) => {
        const isClass = bytes.length === 1 && (bytes[0] as number) < TRAFFIC_CLASSES.length;
        expect(decodeClass(bytes).ok).toBe(isClass);
      }),
      { numRuns: 1000 },
    );
  });
});
