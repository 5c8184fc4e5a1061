import { describe, expect, it } from 'vitest';
import { createManualClock } from '../clock.testkit.ts';
import {
  BUSY_CLIENTS,
  BUSY_INTERVAL_SECONDS,
  createForeignClients,
  type ForeignClient,
  INTERVAL_SECONDS,
  MAX_CLIENTS_A_SWARM,
} from './foreign-clients.ts';

const client = (changes: Partial<ForeignClient> = {}): ForeignClient => ({
  ...{ host: '10.0.0.9', port: 6881, peerId: 'p1', passkeyId: 'k1' },
  ...changes,
});

function setup() {
  const clock = createManualClock();
  const changed: string[] = [];
  const clients = createForeignClients(clock, (digest) => void changed.push(digest));
  const listed = (digest = 'd') => clients.of(digest).map(({ host, port }) => `${host}:${port}`);
  return { clock, clients, changed, listed };
}

describe('a foreign client', () => {
  it('is listed for its blob, and tells of a change only the first time', () => {
    const { clients, changed, listed } = setup();
    expect([clients.heard('d', client()), clients.heard('d', client())]).toEqual([true, true]);
    expect(listed()).toEqual(['10.0.0.9:6881']);
    expect(listed('other')).toEqual([]);
    expect(changed).toEqual(['d']);
  });

  it('is gone after two intervals without an announce, not before', () => {
    const { clock, clients, changed, listed } = setup();
    clients.heard('d', client());
    clock.advance(INTERVAL_SECONDS * 1000);
    clients.heard('d', client());
    clock.advance(2 * INTERVAL_SECONDS * 1000 - 1);
    expect(listed()).toHaveLength(1);
    clock.advance(1);
    expect(listed()).toEqual([]);
    expect(changed).toEqual(['d', 'd']);
  });

  it('is gone at once when it says that it stops, unless another took its place', () => {
    const { clients, changed, listed } = setup();
    clients.heard('d', client());
    clients.heard('d', client({ peerId: 'p2' }));
    clients.stopped('d', client());
    expect(listed()).toHaveLength(1);
    clients.stopped('d', client({ peerId: 'p2' }));
    clients.stopped('d', client({ peerId: 'p2' }));
    expect(listed()).toEqual([]);
    expect(changed).toEqual(['d', 'd']);
  });

  it('is gone with its passkey, from every blob', () => {
    const { clients, changed, listed } = setup();
    clients.heard('d', client());
    clients.heard('d', client({ port: 1, passkeyId: 'k2' }));
    clients.heard('e', client());
    clients.revoked('k1');
    expect([listed('d'), listed('e')]).toEqual([['10.0.0.9:1'], []]);
    expect(changed).toEqual(['d', 'd', 'e', 'd', 'e']);
  });
});

describe('the list', () => {
  it('has room for 200 clients a blob, and those on it stay', () => {
    const { clients, changed } = setup();
    for (let port = 1; port <= MAX_CLIENTS_A_SWARM; port++) clients.heard('d', client({ port }));
    expect(clients.heard('d', client({ port: 7000 }))).toBe(false);
    expect(clients.heard('d', client({ port: 1 }))).toBe(true);
    expect(clients.heard('e', client())).toBe(true);
    expect(changed.filter((digest) => digest === 'd')).toHaveLength(MAX_CLIENTS_A_SWARM);
  });

  it('asks for fewer announces beyond a thousand clients, and waits longer for them', () => {
    const { clock, clients, listed } = setup();
    for (let count = 0; count < BUSY_CLIENTS; count++) {
      clients.heard(`d${count % 10}`, client({ port: count + 1 }));
    }
    expect(clients.intervalSeconds()).toBe(INTERVAL_SECONDS);
    clients.heard('last', client());
    expect(clients.intervalSeconds()).toBe(BUSY_INTERVAL_SECONDS);
    clock.advance(2 * BUSY_INTERVAL_SECONDS * 1000 - 1);
    expect([listed('d0').length, listed('last').length]).toEqual([0, 1]);
    clock.advance(1);
    expect(listed('last')).toEqual([]);
  });

  it('keeps no timer after it was stopped', () => {
    const { clock, clients, listed } = setup();
    clients.heard('d', client());
    clients.stop();
    clock.advance(3_600_000);
    expect(listed()).toHaveLength(1);
  });
});
