import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHashes,
  encodeHashAsk,
  encodeHashRuns,
  HASH_BYTES,
  type HashRun,
  MAX_HASHES_BYTES,
  MAX_RUN_HASHES,
  MAX_RUNS,
  seederKeyOf,
  signHashRun,
  verifyHashRun,
} from './hash-runs.ts';
import { exportRawPublicKey, peerIdOfKey } from './keys.ts';
import { signTicket, type TicketRole } from './tickets.ts';

const REFUSED = { ok: false, reason: 'bad hashes' };
const SWARM = 'ab'.repeat(20);
const tracker = generateKeyPairSync('ed25519');
const seeder = generateKeyPairSync('ed25519');

const run = fc.record({
  first: fc.nat({ max: 0xffff_ffff }),
  hashes: fc.integer({ min: 1, max: 20 }).map((count) => Buffer.alloc(count * HASH_BYTES, count)),
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  ticket: fc.constantFrom('a', 'b'.repeat(500), 'c'.repeat(2048)),
});

function runOf(count: number, over: Partial<HashRun> = {}): HashRun {
  return { first: 0, hashes: Buffer.alloc(count * HASH_BYTES), signature: Buffer.alloc(64), ticket: 't', ...over };
}

function runsOf(payload: Uint8Array): HashRun[] {
  const result = decodeHashes(payload);
  return result.ok && result.message.type === 'runs' ? result.message.runs : [];
}

describe('an ask for hashes', () => {
  it('comes back as it was said', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff_ffff }), (first) => {
        expect(decodeHashes(encodeHashAsk(first))).toEqual({ ok: true, message: { type: 'ask', first } });
      }),
    );
  });

  it.each([0, 4, 6])('of %i bytes is refused', (bytes) => {
    expect(decodeHashes(Buffer.alloc(bytes))).toEqual(REFUSED);
  });
});

describe('runs of hashes', () => {
  it('come back as they were said, as many as one message may have', () => {
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 80 }), (said) => {
        const payload = encodeHashRuns(said);
        const heard = runsOf(payload);
        expect(payload.length).toBeLessThanOrEqual(MAX_HASHES_BYTES);
        expect(heard.length).toBeGreaterThan(0);
        expect(heard.length).toBeLessThanOrEqual(MAX_RUNS);
        expect(heard.map(({ first, ticket }) => [first, ticket])).toEqual(
          said.slice(0, heard.length).map(({ first, ticket }) => [first, ticket]),
        );
        heard.forEach(({ hashes, signature }, at) => {
          expect(Buffer.compare(hashes, said[at]?.hashes ?? hashes)).toBe(0);
          expect(Buffer.compare(signature, said[at]?.signature ?? signature)).toBe(0);
        });
      }),
    );
  });

  it('of the longest kind fit, whatever the ticket, and one more hash is refused', () => {
    const ticket = 'x'.repeat(2048);
    expect(runsOf(encodeHashRuns([runOf(MAX_RUN_HASHES, { ticket })]))).toHaveLength(1);
    const payload = encodeHashRuns([runOf(MAX_RUN_HASHES + 1)]);
    expect(decodeHashes(payload)).toEqual(REFUSED);
    expect(decodeHashes(encodeHashRuns([runOf(1, { ticket: `${ticket}x` })]))).toEqual(REFUSED);
  });

  it('show a ticket once while it is the same', () => {
    const ticket = 'x'.repeat(400);
    const two = encodeHashRuns([runOf(1, { ticket }), runOf(1, { ticket })]).length;
    expect(two - encodeHashRuns([runOf(1, { ticket })]).length).toBeLessThan(150);
  });

  it.each([
    ['without any run', Buffer.of(1)],
    ['without a hash', encodeHashRuns([runOf(0)])],
    ['without a ticket', encodeHashRuns([runOf(1, { ticket: '' })])],
    ['cut short', encodeHashRuns([runOf(2)]).subarray(0, -1)],
    ['with bytes behind', Buffer.concat([encodeHashRuns([runOf(2)]), Buffer.of(0)])],
    ['of another kind', Buffer.concat([Buffer.of(2), encodeHashRuns([runOf(2)]).subarray(1)])],
    [
      'too many',
      Buffer.concat([encodeHashRuns(Array(MAX_RUNS).fill(runOf(1))), encodeHashRuns([runOf(1)]).subarray(1)]),
    ],
    ['too long', Buffer.alloc(MAX_HASHES_BYTES + 1, 1)],
  ])('%s are refused', (_what, payload) => {
    expect(decodeHashes(payload)).toEqual(REFUSED);
  });

  it('that are damaged or noise never throw', () => {
    const noise = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.concat([Buffer.of(1), bytes]));
    const damaged = fc
      .tuple(fc.array(run, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat({ max: 255 }))
      .map(([said, at, byte]) => {
        const payload = encodeHashRuns(said);
        payload[at % payload.length] = byte;
        return payload;
      });
    fc.assert(
      fc.property(fc.oneof(noise, damaged), (payload) => {
        for (const { hashes, signature, ticket } of runsOf(payload)) {
          expect(hashes.length % HASH_BYTES).toBe(0);
          expect(hashes.length / HASH_BYTES).toBeLessThanOrEqual(MAX_RUN_HASHES);
          expect([signature.length, ticket.length <= 2048]).toEqual([64, true]);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the signature of a run', () => {
  const hashes = Buffer.alloc(3 * HASH_BYTES, 7);
  const signed = runOf(3, {
    first: 5,
    hashes,
    signature: signHashRun({ swarm: SWARM, first: 5, hashes }, seeder.privateKey),
  });

  it('holds for the swarm, the place and the hashes it was made for, and for nothing else', () => {
    const holds = (over: Partial<HashRun>, swarm = SWARM, key: KeyObject = seeder.publicKey) =>
      verifyHashRun({ ...signed, ...over }, swarm, key);
    expect(holds({})).toBe(true);
    expect(holds({ first: 6 })).toBe(false);
    expect(holds({}, 'cd'.repeat(20))).toBe(false);
    expect(holds({}, SWARM, generateKeyPairSync('ed25519').publicKey)).toBe(false);
    expect(holds({ hashes: hashes.subarray(HASH_BYTES) })).toBe(false);
    for (let at = 0; at < hashes.length; at++) {
      const tampered = Buffer.from(hashes);
      tampered[at] = 8;
      expect(holds({ hashes: tampered })).toBe(false);
    }
  });
});

describe('the ticket of a run', () => {
  const key = exportRawPublicKey(seeder.publicKey);
  const ticketOf = (role: TicketRole, swarm = SWARM): string => {
    const claims = { agent: peerIdOfKey(key), key: key.toString('base64url'), swarm, role, expiresAtSeconds: 1000 };
    return signTicket(claims, tracker.privateKey);
  };
  const judge = (ticket: string, { nowSeconds = 999, by = tracker.publicKey } = {}) => {
    const result = seederKeyOf(ticket, by, { swarm: SWARM, nowSeconds });
    return result.ok ? exportRawPublicKey(result.key).equals(key) : result.reason;
  };

  it("names the seeder's key", () => {
    expect(judge(ticketOf('seeder'))).toBe(true);
  });

  it.each<TicketRole>(['leecher', 'holder'])('of a %s is none of a seeder', (role) => {
    expect(judge(ticketOf(role))).toBe('not a seeder');
  });

  it('must be of the swarm, of the tracker, and not expired', () => {
    expect(judge(ticketOf('seeder', 'cd'.repeat(20)))).toBe('other swarm');
    expect(judge(ticketOf('seeder'), { by: generateKeyPairSync('ed25519').publicKey })).toBe('bad signature');
    expect(judge(ticketOf('seeder'), { nowSeconds: 1000 })).toBe('expired');
    expect(judge('')).toBe('malformed ticket');
  });
});
