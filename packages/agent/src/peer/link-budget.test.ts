import type { TrafficClass } from '@shoal/swarm';
import { describe, expect, it } from 'vitest';
import { type BudgetedLink, LinkBudget, type LinkOwner } from './link-budget.ts';

interface TwinSwarm extends LinkOwner {
  trafficClass: TrafficClass;
  wantsLinks: boolean;
  links: BudgetedLink[];
  closed: number;
  dropped: number;
  /** Asks for so many more. */
  dial(count: number): void;
}

function swarmOn(budget: LinkBudget, trafficClass: TrafficClass = 'prewarm'): TwinSwarm {
  const swarm: TwinSwarm = {
    ...{ trafficClass, wantsLinks: true, links: [], closed: 0, dropped: 0 },
    dial(count) {
      const onDropped = (): void => void swarm.dropped++;
      for (let asked = 0; asked < count; asked++)
        budget.ask({ owner: swarm, open: () => linkOf(budget, swarm), onDropped });
    },
  };
  return swarm;
}

function linkOf(budget: LinkBudget, swarm: TwinSwarm, peerClass: TrafficClass = 'prewarm'): BudgetedLink {
  const link: BudgetedLink = {
    peerClass,
    close() {
      swarm.closed++;
      swarm.links.splice(swarm.links.indexOf(link), 1);
      budget.ended(swarm, link);
    },
  };
  swarm.links.push(link);
  return link;
}

describe('connections that are dialled', () => {
  it('are never more than the bound, whatever is asked, and fifty swarms have some each', () => {
    const budget = new LinkBudget(200);
    const swarms = Array.from({ length: 50 }, () => swarmOn(budget));
    for (const swarm of swarms) swarm.dial(40);
    expect(budget.count).toBe(200);
    expect(swarms.map(({ links }) => links.length)).toEqual(swarms.map(() => 4));
  });

  it('a swarm that is alone has all it asks for', () => {
    const budget = new LinkBudget(200);
    const swarm = swarmOn(budget);
    swarm.dial(40);
    expect([swarm.links.length, budget.waitingCount]).toEqual([40, 0]);
  });

  it('a dial that was denied is made when a link ends, by who has fewest', () => {
    const budget = new LinkBudget(12);
    const [a, b, c] = [swarmOn(budget), swarmOn(budget), swarmOn(budget)];
    a.dial(6);
    b.dial(6);
    c.dial(6);
    expect([a, b, c].map(({ links }) => links.length)).toEqual([4, 4, 4]);
    a.dial(2);
    a.links[0]?.close('gone');
    expect([a, b, c].map(({ links }) => links.length)).toEqual([4, 4, 4]);
    b.wantsLinks = false;
    for (const link of [...b.links]) link.close('complete');
    expect([a.links.length + c.links.length, b.links.length]).toEqual([11, 0]);
    expect(budget.waitingCount).toBe(0);
  });

  it('a pull takes from those that have many, and goes first where one is free', () => {
    const budget = new LinkBudget(40);
    const [warm, other, pull] = [swarmOn(budget), swarmOn(budget), swarmOn(budget, 'pull')];
    warm.dial(40);
    other.dial(10);
    pull.dial(20);
    expect([warm, other, pull].map(({ links }) => links.length)).toEqual([28, 4, 8]);
    for (const link of warm.links.slice(0, 5)) link.close('gone');
    expect([other.links.length, pull.links.length]).toEqual([4, 13]);
  });

  it('what a swarm waits for that is done is dropped and said so', () => {
    const budget = new LinkBudget(2);
    const [a, b] = [swarmOn(budget), swarmOn(budget)];
    a.dial(2);
    b.dial(3);
    b.wantsLinks = false;
    a.links[0]?.close('gone');
    expect([b.links.length, b.dropped, budget.waitingCount]).toEqual([0, 3, 0]);
  });

  it('a link that is told to have ended twice counts once', () => {
    const budget = new LinkBudget(2);
    const a = swarmOn(budget);
    a.dial(2);
    const [link] = a.links as [BudgetedLink];
    link.close('gone');
    budget.ended(a, link);
    expect(budget.count).toBe(1);
  });
});

describe('connections that are accepted', () => {
  it('a new swarm’s peer is let in at the cost of who has most, not of a peer that pulls', () => {
    const budget = new LinkBudget(10);
    const [a, b] = [swarmOn(budget), swarmOn(budget)];
    for (let count = 0; count < 10; count++) budget.admit(a, linkOf(budget, a, count > 5 ? 'pull' : 'prewarm'));
    expect(budget.admit(b, linkOf(budget, b))).toBe(true);
    expect([a.links.length, b.links.length, budget.count]).toEqual([9, 1, 10]);
    expect(a.links.filter(({ peerClass }) => peerClass === 'pull')).toHaveLength(4);
  });

  it('beyond the bound one more of the largest swarm is refused', () => {
    const budget = new LinkBudget(10);
    const a = swarmOn(budget);
    for (let count = 0; count < 10; count++) budget.admit(a, linkOf(budget, a));
    expect(budget.admit(a, linkOf(budget, a))).toBe(false);
    expect([budget.count, a.closed]).toEqual([10, 0]);
  });
});
