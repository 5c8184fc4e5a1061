/**
 * How many connections an agent keeps, over all its swarms: who may open one now, who waits until one
 * ends, and whose is closed to make room. Each swarm keeps a few, pulls more; beyond that pulls go
 * first, then who has fewest. Knows nothing of sockets or of what goes over them.
 */
import { CLASSES, type TrafficClass } from '@shoal/swarm';

/** A swarm, by identity. */
export interface LinkOwner {
  /** Default: `prewarm`. */
  readonly trafficClass?: TrafficClass;
  /** False: what it waits for is not needed any more. Default: true. */
  readonly wantsLinks?: boolean;
}

export interface BudgetedLink {
  /** What its peer fetches for. */
  readonly peerClass?: TrafficClass;
  close(reason: string): void;
}

export interface Asking {
  owner: LinkOwner;
  /** Opens it; `ended` must be called when it is gone. */
  open(): BudgetedLink;
  /** The owner does not want it any more. */
  onDropped(): void;
}

/** Links nobody takes from a swarm that downloads: two would be one bad peer from none. */
const KEEPS = 4;
const PULL_KEEPS = 8;

export class LinkBudget {
  readonly #most: number;
  /** In the order they were opened. */
  readonly #links = new Map<LinkOwner, Set<BudgetedLink>>();
  #waiting: Asking[] = [];
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Opens a link now, or as soon as it may. */
  ask(asking: Asking): void {
    if (this.#count < this.#most) return this.#open(asking);
    this.#waiting.push(asking);
    if (this.#linksOf(asking.owner) < keeps(asking.owner)) this.#makeRoomFor(asking.owner);
  }

  /** A link that is there already, of a peer that came by itself; false: there is no room for it. */
  admit(owner: LinkOwner, link: BudgetedLink): boolean {
    if (this.#count >= this.#most && !this.#makeRoomFor(owner)) return false;
    this.#add(owner, link);
    return true;
  }

  /** To be called once for each link that has ended; others do no harm. */
  ended(owner: LinkOwner, link: BudgetedLink): void {
    const links = this.#links.get(owner);
    if (links?.delete(link) !== true) return;
    this.#count--;
    if (links.size === 0) this.#links.delete(owner);
    while (this.#count < this.#most) {
      const next = this.#takeWaiting();
      if (next === undefined) return;
      this.#open(next);
    }
  }

  #open(asking: Asking): void {
    this.#add(asking.owner, asking.open());
  }

  #add(owner: LinkOwner, link: BudgetedLink): void {
    const links = this.#links.get(owner) ?? new Set();
    this.#links.set(owner, links.add(link));
    this.#count++;
  }

  #takeWaiting(): Asking | undefined {
    const gone = this.#waiting.filter(({ owner }) => owner.wantsLinks === false);
    if (gone.length > 0) this.#waiting = this.#waiting.filter((asking) => !gone.includes(asking));
    for (const { onDropped } of gone) onDropped();
    let best: Asking | undefined;
    for (const asking of this.#waiting)
      if (best === undefined || this.#isBefore(asking.owner, best.owner)) best = asking;
    if (best !== undefined) this.#waiting.splice(this.#waiting.indexOf(best), 1);
    return best;
  }

  #isBefore(a: LinkOwner, b: LinkOwner): boolean {
    const inNeed = (owner: LinkOwner): number => (this.#linksOf(owner) < keeps(owner) ? 0 : 1);
    const order = inNeed(a) - inNeed(b) || rank(a) - rank(b) || this.#linksOf(a) - this.#linksOf(b);
    return order < 0;
  }

  /** Closes the newest link of who has most beyond what it keeps, and more than the asker will have. */
  #makeRoomFor(asker: LinkOwner): boolean {
    let victim: LinkOwner | undefined;
    for (const [owner, { size }] of this.#links) {
      if (owner === asker || size <= keeps(owner) || size <= this.#linksOf(asker) + 1) continue;
      if (victim === undefined || size > this.#linksOf(victim)) victim = owner;
    }
    const links = [...(victim === undefined ? [] : (this.#links.get(victim) ?? []))].reverse();
    const link = links.find(({ peerClass }) => peerClass !== 'pull') ?? links[0];
    link?.close('made room for another swarm');
    return link !== undefined;
  }

  #linksOf(owner: LinkOwner): number {
    return this.#links.get(owner)?.size ?? 0;
  }
}

function keeps({ trafficClass }: LinkOwner): number {
  return trafficClass === 'pull' ? PULL_KEEPS : KEEPS;
}

function rank({ trafficClass = 'prewarm' }: LinkOwner): number {
  return CLASSES.indexOf(trafficClass);
}
