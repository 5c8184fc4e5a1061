import { describe, expect, it } from 'vitest';
import { createLeaseTable, LEASE_MS, type LeaseTable } from './lease-table.ts';

/** The pieces that are granted: `ask(table, 'rack1/a', [0, 1])`. */
function ask(table: LeaseTable, who: string, pieces: number[], now = 0): number[] {
  const [zone = '', holder = ''] = who.split('/');
  const { granted, refused } = table.ask({ zone, holder, pieces }, now);
  expect([...granted, ...refused].sort((a, b) => a - b)).toEqual(pieces);
  return granted;
}

describe('leases', () => {
  it('of a piece go to one host a zone', () => {
    const table = createLeaseTable();
    expect(ask(table, 'rack1/a', [0, 1])).toEqual([0, 1]);
    expect(ask(table, 'rack1/b', [1, 2])).toEqual([2]);
    expect(ask(table, 'rack2/c', [0, 1, 2])).toEqual([0, 1, 2]);
  });

  it('are renewed by asking again, and only by their holder', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [7]);
    expect(ask(table, 'rack1/a', [7], LEASE_MS - 1)).toEqual([7]);
    expect(ask(table, 'rack1/b', [7], LEASE_MS)).toEqual([]);
    expect(ask(table, 'rack1/b', [7], 2 * LEASE_MS - 2)).toEqual([]);
    expect(ask(table, 'rack1/b', [7], 2 * LEASE_MS - 1)).toEqual([7]);
  });

  it('that expired go to who asks, and the slow holder is refused from then on', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/slow', [0]);
    expect(ask(table, 'rack1/b', [0], LEASE_MS)).toEqual([0]);
    expect(ask(table, 'rack1/slow', [0], LEASE_MS + 1)).toEqual([]);
  });

  it('that expired unnoticed may still be renewed', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [0]);
    expect(ask(table, 'rack1/a', [0], 3 * LEASE_MS)).toEqual([0]);
    expect(ask(table, 'rack1/b', [0], 3 * LEASE_MS)).toEqual([]);
  });

  it('do not run on when the clock is set back', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [0], 5000);
    expect(ask(table, 'rack1/b', [0], 4000)).toEqual([0]);
    expect(ask(table, 'rack1/c', [0], 4000 + LEASE_MS)).toEqual([0]);
  });

  it('of a member that leaves are free at once, those it lost to others are not', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [0, 1]);
    ask(table, 'rack1/b', [1], LEASE_MS);
    table.release('a');
    expect(ask(table, 'rack1/c', [0, 1], LEASE_MS)).toEqual([0]);
    table.release('stranger');
    expect(table.size).toBe(2);
    for (const holder of ['b', 'c']) table.release(holder);
    expect(table.size).toBe(0);
  });

  it('are held in the zone a host asked from, also when it has moved', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [0]);
    expect(ask(table, 'rack2/a', [0])).toEqual([0]);
    table.release('a');
    expect(table.size).toBe(0);
  });

  it('are given to few pieces of a zone at once: the others may be asked for soon', () => {
    const table = createLeaseTable();
    const pieces = Array.from({ length: 50 }, (_, piece) => piece);
    expect(table.ask({ zone: 'rack1', holder: 'a', pieces }, 0)).toEqual({ granted: pieces.slice(0, 8), refused: [] });
    expect(table.ask({ zone: 'rack2', holder: 'c', pieces }, 0).granted).toHaveLength(8);
    // Two have arrived: two more may come.
    const rest = table.ask({ zone: 'rack1', holder: 'a', pieces: [2, 3, 4, 5, 6, 7, 8, 9, 10] }, 100);
    expect(rest.granted).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('are given to more pieces at once where many come in', () => {
    const table = createLeaseTable();
    let next = 0;
    for (let now = 0; now < 1000; now += 10) {
      table.ask({ zone: 'rack1', holder: 'a', pieces: [next, next + 1] }, now);
      next += 2;
    }
    const pieces = Array.from({ length: 500 }, (_, piece) => next + piece);
    expect(table.ask({ zone: 'rack1', holder: 'a', pieces }, 1000).granted.length).toBeGreaterThan(150);
  });

  it('of a piece that has arrived are not given again at once', () => {
    const table = createLeaseTable();
    ask(table, 'rack1/a', [0]);
    ask(table, 'rack1/a', [1], 500);
    expect(ask(table, 'rack1/b', [0], 2499)).toEqual([]);
    expect(ask(table, 'rack1/b', [0], 2500)).toEqual([0]);
  });

  it('take no more room than pieces × zones, and those that expired none', () => {
    const table = createLeaseTable();
    for (let round = 0; round < 20; round++)
      for (let host = 0; host < 30; host++) ask(table, `rack${host % 3}/h${host}`, [host % 5], round * LEASE_MS);
    expect(table.size).toBe(15);
    ask(table, 'rack0/h0', [0], 30 * LEASE_MS);
    expect(table.size).toBe(11);
  });
});
