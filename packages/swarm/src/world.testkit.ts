/**
 * A small world around the production state machine for its tests: hosts with equal rates, links
 * with a latency, a virtual clock. One seed decides everything. (The simulator proper is a package.)
 */
import type { LinkId, PeerId, SwarmEffect, SwarmEvent } from './events.ts';
import { pieceSize } from './geometry.ts';
import { PieceSet } from './piece-set.ts';
import { randomFrom } from './random.ts';
import { Swarm } from './swarm.ts';

export interface WorldOptions {
  hosts: number;
  size: number;
  pieceLength: number;
  /** Up and down, each host and the seeder, bytes a second. */
  bytesPerSecond: number;
  seed?: number;
  latencyMs?: number;
  blockBytes?: number;
  /** Corrupts what this host sends. */
  corrupt?: PeerId;
  /** Never answers. */
  silent?: PeerId;
  /** The seeder reads its origin at this rate; default: holds everything at the start. */
  originBytesPerSecond?: number;
}

export interface Host {
  id: PeerId;
  swarm: Swarm;
  sentBytes: number;
  receivedBytes: number;
  completeAt: number | undefined;
  uploadFreeAt: number;
  tokens: number;
  corruptPieces: Set<number>;
  alive: boolean;
}

interface Wire {
  from: Host;
  to: Host;
  link: LinkId;
}

const TICK_MS = 5;

export class World {
  readonly hosts = new Map<PeerId, Host>();
  readonly trace: string[] = [];
  now = 0;
  readonly #options: Required<Omit<WorldOptions, 'corrupt' | 'silent'>> & WorldOptions;
  readonly #queue: { at: number; order: number; run: () => void }[] = [];
  readonly #wires = new Map<LinkId, Wire>();
  #order = 0;
  #links = 0;

  constructor(options: WorldOptions) {
    this.#options = {
      seed: 1,
      latencyMs: 1,
      blockBytes: 131_072,
      originBytesPerSecond: Number.POSITIVE_INFINITY,
      ...options,
    };
    this.#addHost('seeder', 'seeder');
    for (let index = 0; index < options.hosts; index++) this.#addHost(`h${index}`, 'agent');
    this.#readOrigin();
    for (const host of this.hosts.values()) {
      this.#feed(host, { type: 'hashesKnown', count: host.swarm.held.length });
      this.#feed(host, { type: 'neighbours', peers: [...this.hosts.keys()].filter((id) => id !== host.id) });
    }
  }

  get seeder(): Host {
    return this.hosts.get('seeder') as Host;
  }

  get agents(): Host[] {
    return [...this.hosts.values()].filter((host) => host !== this.seeder);
  }

  /** Runs until every living agent is complete or the time is over; returns the virtual time, ms. */
  run(limitMs: number): number {
    while (this.now < limitMs && this.agents.some((host) => host.alive && host.completeAt === undefined)) this.#step();
    return this.now;
  }

  runUntil(until: () => boolean, limitMs: number): void {
    while (this.now < limitMs && !until()) this.#step();
  }

  kill(id: PeerId): void {
    const host = this.hosts.get(id) as Host;
    host.alive = false;
    for (const [link, wire] of this.#wires) if (wire.from === host || wire.to === host) this.#cut(link, wire);
  }

  #step(): void {
    this.now += TICK_MS;
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
    while (this.#queue[0] !== undefined && this.#queue[0].at <= this.now) {
      this.#queue.shift()?.run();
      this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
    }
    for (const host of this.hosts.values()) if (host.alive) this.#tick(host);
  }

  #tick(host: Host): void {
    const { bytesPerSecond } = this.#options;
    host.tokens = Math.min((bytesPerSecond * 20) / 1000, host.tokens + (bytesPerSecond * TICK_MS) / 1000);
    if (host.tokens > 0) this.#feed(host, { type: 'budget', bytes: host.tokens });
    if (host.swarm.isDue(this.now)) this.#feed(host, { type: 'wake' });
  }

  #addHost(id: PeerId, role: 'seeder' | 'agent'): void {
    const { size, pieceLength, seed } = this.#options;
    const held = new PieceSet(Math.ceil(size / pieceLength));
    const random = randomFrom(seed * 7919 + this.hosts.size);
    const swarm = new Swarm({ size, pieceLength, role, held, random });
    const blank = { sentBytes: 0, receivedBytes: 0, completeAt: undefined, uploadFreeAt: 0, tokens: 0, alive: true };
    this.hosts.set(id, { id, swarm, ...blank, corruptPieces: new Set() });
  }

  #readOrigin(): void {
    const { size, pieceLength, originBytesPerSecond } = this.#options;
    for (let piece = 0; piece < this.seeder.swarm.held.length; piece++) {
      const at = ((piece * pieceLength + pieceSize(piece, size, pieceLength)) * 1000) / originBytesPerSecond;
      this.#later(at, () => this.#feed(this.seeder, { type: 'pieceVerified', piece, ok: true }));
    }
  }

  #later(delayMs: number, run: () => void): void {
    this.#queue.push({ at: this.now + delayMs, order: this.#order++, run });
  }

  #feed(host: Host, event: SwarmEvent): void {
    if (!host.alive) return;
    this.trace.push(`${this.now} ${host.id} ${event.type}`);
    for (const effect of host.swarm.handle(event, this.now)) this.#carryOut(host, effect);
  }

  #carryOut(host: Host, effect: SwarmEffect): void {
    const { latencyMs } = this.#options;
    const wire = 'link' in effect ? this.#wires.get(effect.link) : undefined;
    const other = wire?.from === host ? wire.to : wire?.from;
    if (effect.type === 'dial')
      return this.#later(latencyMs, () => this.#connect(host, this.hosts.get(effect.peer) as Host));
    if (effect.type === 'verify') return this.#later(2, () => this.#verify(host, effect.piece));
    if (effect.type === 'complete') {
      host.completeAt = this.now;
      return;
    }
    if (wire === undefined || other === undefined) return;
    if (effect.type === 'close') return this.#cut(wire.link, wire);
    this.#send(wire, host, other, effect);
  }

  #send(wire: Wire, host: Host, other: Host, effect: SwarmEffect): void {
    const deliver = (event: SwarmEvent, delayMs = this.#options.latencyMs): void =>
      this.#later(delayMs, () => this.#wires.has(wire.link) && this.#feed(other, event));
    switch (effect.type) {
      case 'announceSet':
        return deliver({
          type: 'peerHolds',
          link: wire.link,
          pieces: new PieceSet(effect.pieces.length, effect.pieces.bits),
        });
      case 'announce':
        return deliver({ type: 'peerHas', link: wire.link, piece: effect.piece });
      case 'request':
        host.tokens -= effect.length;
        return deliver({ ...effect, type: 'blockRequested' });
      case 'serve': {
        if (host.id === this.#options.silent) return;
        const start = Math.max(this.now, host.uploadFreeAt);
        host.uploadFreeAt = start + (effect.length * 1000) / this.#options.bytesPerSecond;
        host.sentBytes += effect.length;
        this.#later(host.uploadFreeAt - this.now + this.#options.latencyMs, () =>
          this.#receive(wire, host, other, effect),
        );
        return;
      }
      case 'reject':
        return deliver({ ...effect, type: 'blockRejected' });
    }
  }

  #receive(
    wire: Wire,
    from: Host,
    to: Host,
    { piece, offset, length }: { piece: number; offset: number; length: number },
  ): void {
    if (!this.#wires.has(wire.link)) return;
    to.receivedBytes += length;
    if (to.swarm.judge(wire.link, { piece, offset, length }) !== 'store') return;
    if (from.id === this.#options.corrupt) to.corruptPieces.add(piece);
    this.#feed(to, { type: 'blockReceived', link: wire.link, piece, offset, length });
  }

  #verify(host: Host, piece: number): void {
    const ok = !host.corruptPieces.delete(piece);
    this.#feed(host, { type: 'pieceVerified', piece, ok });
  }

  #connect(from: Host, to: Host): void {
    if (!from.alive || !to.alive) return this.#feed(from, { type: 'dialFailed', peer: to.id });
    const link = ++this.#links;
    this.#wires.set(link, { from, to, link });
    const { blockBytes } = this.#options;
    this.#feed(to, {
      type: 'connected',
      link,
      peer: from.id,
      canRequest: false,
      canServe: true,
      remoteIsSeeder: from === this.seeder,
      blockBytes,
      choked: false,
    });
    this.#feed(from, {
      type: 'connected',
      link,
      peer: to.id,
      canRequest: true,
      canServe: false,
      remoteIsSeeder: to === this.seeder,
      blockBytes,
      choked: false,
    });
  }

  #cut(link: LinkId, wire: Wire): void {
    if (!this.#wires.delete(link)) return;
    this.#feed(wire.from, { type: 'disconnected', link });
    this.#feed(wire.to, { type: 'disconnected', link });
  }
}

/** What every agent holds, a line each, a character a piece: `#` held, `.` not. */
export function draw(world: World): string[] {
  return world.agents.map((host) =>
    Array.from({ length: host.swarm.held.length }, (_, piece) => (host.swarm.held.has(piece) ? '#' : '.')).join(''),
  );
}
