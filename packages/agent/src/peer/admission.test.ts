import { generateKeyPairSync } from 'node:crypto';
import {
  EXTENDED_HANDSHAKE_ID,
  encodeExtendedHandshake,
  encodeHandshake,
  encodeMessage,
  SHOAL_AUTH,
  SHOAL_CLASS_ID,
  SHOAL_HASHES_ID,
} from '@shoal/wire';
import { describe, expect, it } from 'vitest';
import type { RefusalReason } from './admission.ts';
import { converse, newIdentity, type Side, type SideOptions, SWARM, sideOf, ticketFor } from './peer.testkit.ts';

const listener = newIdentity();

/** A listener meets a dialler with these options. */
function meet(dialler: SideOptions, listens: SideOptions = {}): { dialler: Side; listener: Side } {
  const sides = {
    dialler: sideOf('out', { expectedPeerId: listens.identity?.peerId ?? listener.peerId, ...dialler }),
    listener: sideOf('in', { identity: listener, ...listens }),
  };
  converse(sides.dialler, sides.listener);
  return sides;
}

describe('two agents with tickets of the tracker', () => {
  it('are admitted by each other, each with its role', () => {
    const identity = newIdentity();
    const { dialler, listener: other } = meet({ identity }, { ticket: ticketFor(listener, { role: 'seeder' }) });
    expect(dialler.admitted).toEqual({
      peerId: listener.peerId,
      ticketRole: 'seeder',
      swarmId: SWARM,
      blockBytes: 131_072,
      protocol: 1,
      classId: SHOAL_CLASS_ID,
      hashesId: SHOAL_HASHES_ID,
    });
    expect(other.admitted).toMatchObject({ peerId: identity.peerId, ticketRole: 'leecher' });
  });

  it('agree on the smaller largest block', () => {
    const { dialler, listener: other } = meet({ blockBytes: 16_384 }, { blockBytes: 262_144 });
    expect([dialler.admitted?.blockBytes, other.admitted?.blockBytes]).toEqual([16_384, 16_384]);
  });

  it('may keep the connection alive meanwhile', () => {
    const side = sideOf('in', { identity: listener });
    side.receive(encodeHandshake({ infoHash: SWARM, peerId: newIdentity().peerId }));
    expect(side.receive(Buffer.alloc(4))).toEqual([]);
    expect(side.refused).toBeUndefined();
  });
});

describe('a listener tells nothing', () => {
  it('before the other side has named a swarm it knows', () => {
    const side = sideOf('in', { identity: listener });
    side.receive(encodeHandshake({ infoHash: 'cd'.repeat(20), peerId: newIdentity().peerId }));
    expect([side.refused, side.sent]).toEqual(['swarm not known here', []]);
  });

  it('of a proof before it has seen a good ticket', () => {
    const identity = newIdentity();
    const { listener: other } = meet({ identity, ticket: ticketFor(identity, { expiresAtSeconds: 1 }) });
    expect([other.refused, other.sent.length]).toEqual(['ticket: expired', 2]);
  });
});

/** What each refusal takes. A reason without a case here fails the type check. */
const REFUSALS: Record<RefusalReason, () => RefusalReason | undefined> = {
  'unexpected message before admission': () => greeted((side) => side.receive(encodeMessage({ type: 'interested' }))),
  'swarm not known here': () => meet({ swarmId: 'cd'.repeat(20) }).listener.refused,
  'another peer answered': () => meet({ expectedPeerId: newIdentity().peerId }).dialler.refused,
  'connected to itself': () => meet({ identity: listener }).listener.refused,
  'no extension protocol': () => {
    const side = sideOf('in', { identity: listener });
    const handshake = encodeHandshake({ infoHash: SWARM, peerId: newIdentity().peerId });
    handshake.fill(0, 20, 28);
    side.receive(handshake);
    return side.refused;
  },
  'not a Shoal agent': () => greeted((side) => side.receive(extended({ m: { ut_pex: 1 }, v: 'aria2/1.36' }))),
  'bad extended handshake': () =>
    greeted((side) =>
      side.receive(encodeMessage({ type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload: Buffer.from('i1e') })),
    ),
  'ticket: malformed ticket': () => meet({ ticket: 'not.a.ticket' }).listener.refused,
  'ticket: bad signature': () => {
    const identity = newIdentity();
    const { privateKey } = generateKeyPairSync('ed25519');
    return meet({ identity, ticket: ticketFor(identity, { signedBy: privateKey }) }).listener.refused;
  },
  'ticket: other swarm': () => {
    const identity = newIdentity();
    return meet({ identity, ticket: ticketFor(identity, { swarm: 'cd'.repeat(20) }) }).listener.refused;
  },
  'ticket: expired': () => {
    const identity = newIdentity();
    const nowSeconds = () => 1000;
    return meet({ identity, ticket: ticketFor(identity, { expiresAtSeconds: 1000 }) }, { nowSeconds }).listener.refused;
  },
  'ticket: key of another agent': () => {
    const identity = newIdentity();
    return meet({ identity, ticket: ticketFor(identity, { agent: newIdentity().peerId }) }).listener.refused;
  },
  'ticket of another peer': () => meet({ ticket: ticketFor(newIdentity()) }).listener.refused,
  'bad proof': () => {
    // The peer id and the ticket of a victim, without its key.
    const victim = newIdentity();
    const thief = { ...newIdentity(), peerId: victim.peerId };
    return meet({ identity: thief, ticket: ticketFor(victim) }).listener.refused;
  },
};

/** The refusal of a listener that was greeted properly and then met this. */
function greeted(then: (side: Side) => void): RefusalReason | undefined {
  const side = sideOf('in', { identity: listener });
  side.receive(encodeHandshake({ infoHash: SWARM, peerId: newIdentity().peerId }));
  then(side);
  return side.refused;
}

function extended(handshake: Parameters<typeof encodeExtendedHandshake>[0]): Buffer {
  return encodeMessage({ type: 'extended', id: EXTENDED_HANDSHAKE_ID, payload: encodeExtendedHandshake(handshake) });
}

describe('a peer is refused', () => {
  it.each(Object.entries(REFUSALS))('%s', (reason, provoke) => {
    expect(provoke()).toBe(reason);
  });

  it('when it replays the proof of an earlier admission', () => {
    const identity = newIdentity();
    const first = meet({ identity });
    expect(first.listener.admitted).toBeDefined();
    const again = sideOf('in', { identity: listener });
    for (const bytes of first.dialler.sent) again.receive(bytes);
    expect([again.refused, again.admitted]).toEqual(['bad proof', undefined]);
  });

  it('when it hands the listener’s own proof back', () => {
    const identity = newIdentity();
    const { listener: other, dialler } = meet({ identity });
    const again = sideOf('in', { identity: listener });
    for (const bytes of dialler.sent.slice(0, -1)) again.receive(bytes);
    again.receive(other.sent.at(-1) as Buffer);
    expect(again.refused).toBe('bad proof');
  });

  it('when it dials with a good ticket and shows no shoal_auth', () => {
    const identity = newIdentity();
    const shoal = { protocol: 1, block: 16_384, nonce: Buffer.alloc(32), ticket: ticketFor(identity) };
    expect(greeted((side) => side.receive(extended({ m: {}, shoal })))).toBe('not a Shoal agent');
    expect(greeted((side) => side.receive(extended({ m: { [SHOAL_AUTH]: 0 }, shoal })))).toBe('not a Shoal agent');
  });

  it('when it sends a second ticket', () => {
    const identity = newIdentity();
    const first = meet({ identity });
    const again = sideOf('in', { identity: listener });
    const [handshake, ticket] = first.dialler.sent as [Buffer, Buffer];
    for (const bytes of [handshake, ticket, ticket]) again.receive(bytes);
    expect(again.refused).toBe('unexpected message before admission');
  });

  it.each([
    ['bitfield', encodeMessage({ type: 'bitfield', bits: Buffer.from([0xff]) })],
    ['request', encodeMessage({ type: 'request', piece: 0, offset: 0, length: 16_384 })],
    ['have all', encodeMessage({ type: 'haveAll' })],
    ['a block', Buffer.concat([Buffer.from([0, 0, 0, 10, 7]), Buffer.alloc(8), Buffer.from('x')])],
  ])('when it speaks of pieces too early: %s', (_title, bytes) => {
    expect(greeted((side) => side.receive(bytes))).toBe('unexpected message before admission');
  });
});
