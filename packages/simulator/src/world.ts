/**
 * A fleet in virtual time: hosts with the production state machines, joined by simulated wires. One
 * seed decides everything that happens. Carries out effects; what goes wrong and when is faults.ts.
 */
import {
  type Block,
  type LinkId,
  PieceSet,
  pieceSize,
  randomFrom,
  type SwarmEffect,
  type SwarmEvent,
  TURNS_WAITING,
} from '@shoal/swarm';
import { createFleetTracker, type FleetTracker } from './fleet-tracker.ts';
import { createHost, hear, restart, type SimHost, type Wire } from './host.ts';
import { createZone, pass, type Zone } from './network.ts';
import type { Settings } from './options.ts';
import { Origin } from './origin.ts';
import { Timeline } from './timeline.ts';
import { EVENT_CODES, Trace } from './trace.ts';
import { Uploads } from './uploads.ts';

/** A host looks every so often whether it may ask for more, as agents do: later ticks lose time where peers are busy. */
const TICK_MS = 1;
const WAKE_MS = 100;
const JOIN_AGAIN_MS = 1000;

export class World {
  readonly time = new Timeline();
  readonly trace = new Trace();
  readonly random: () => number;
  readonly settings: Settings;
  readonly seeder: SimHost;
  readonly agents: SimHost[] = [];
  readonly zones: Zone[] = [];
  readonly tracker: FleetTracker;
  /** Whether these two can reach each other. */
  reachable: (a: SimHost, b: SimHost) => boolean = () => true;
  readonly origin: Origin;
  finished = 0;
  readonly #uploads: Uploads;
  /** What each host does when it looks whether it may ask for more, by its index: one task, scheduled again and again. */
  readonly #looks: (() => void)[] = [];
  /** Open ones, by their link: found much quicker here than among their host's. */
  readonly #wires: (Wire | undefined)[] = [undefined];

  constructor(settings: Settings) {
    this.settings = settings;
    this.random = randomFrom(settings.seed);
    this.tracker = createFleetTracker(settings.degree, this.#fork());
    for (let index = 0; index < settings.zones; index++)
      this.zones.push(createZone(`z${index}`, settings.uplinkBytesPerSecond));
    this.seeder = this.#addHost(0, { id: 'seeder', role: 'seeder', zone: undefined, factor: 1, poison: false });
    for (let index = 0; index < settings.hosts; index++) this.agents.push(this.#addAgent(index));
    const { time } = this;
    this.#uploads = new Uploads({ time, settings, onArrival: (wire, block) => this.#arrived(wire, block) });
    this.origin = new Origin({
      ...{ time, settings, seeder: this.seeder },
      feed: (host, event) => this.feed(host, event),
      publish: (count) => this.#publish(count),
    });
    this.join(this.seeder);
    // Everybody starts in the same second, in no particular order.
    for (const host of this.agents) this.time.at(this.#startOf(host), () => this.join(host));
  }

  get hosts(): SimHost[] {
    return [this.seeder, ...this.agents];
  }

  feed(host: SimHost, event: SwarmEvent): void {
    if (!host.alive) return;
    if (host.paused) {
      host.backlog.push(event);
      return;
    }
    this.trace.add(this.time.now, host.index, EVENT_CODES[event.type]);
    if (event.type === 'hashesKnown') host.hashesKnown = Math.max(host.hashesKnown, event.count);
    this.#carryOut(host, host.swarm.handle(event, this.time.now));
  }

  join(host: SimHost): void {
    if (!host.alive) return;
    if (this.tracker.away) return this.time.after(JOIN_AGAIN_MS, () => this.join(host));
    if (!host.joined && host.role === 'agent') host.startedAt = this.time.now;
    if (this.settings.inOrder) this.feed(host, { type: 'reading', pieces: [host.readPieces] });
    if (!host.looking) this.#lookLater(host);
    host.looking = true;
    host.joined = true;
    this.#introduce(host, this.tracker.join(host));
    this.#later(() => this.#tell(host, { type: 'hashesKnown', count: this.origin.hashesKnown }));
    this.#pumpSoon(host);
  }

  #introduce(a: SimHost, others: readonly SimHost[]): void {
    for (const b of others) {
      this.#later(() => this.feed(a, { type: 'neighbours', peers: [b.id] }));
      this.#later(() => this.feed(b, { type: 'neighbours', peers: [a.id] }));
    }
  }

  kill(host: SimHost): void {
    if (!host.alive) return;
    host.alive = false;
    for (const [left, others] of this.tracker.leave(host)) this.#introduce(left, others);
    for (const wire of [...host.wires.values()]) this.cut(wire);
    if (host.role === 'agent' && host.completeAt === undefined && !host.poison) this.finished++;
  }

  revive(host: SimHost): void {
    restart(host, { size: this.settings.sizeBytes, pieceLength: this.settings.pieceLength }, this.#fork());
    this.join(host);
  }

  cut(wire: Wire): void {
    if (!wire.open) return;
    wire.open = false;
    this.#wires[wire.link] = undefined;
    for (const end of [wire.from, wire.to]) {
      end.wires.delete(wire.link);
      end.uploads.remove(wire);
      this.feed(end, { type: 'disconnected', link: wire.link });
      this.#pumpSoon(end);
    }
  }

  resume(host: SimHost): void {
    host.paused = false;
    for (const event of host.backlog.splice(0)) this.feed(host, event);
    this.#pumpSoon(host);
    this.#uploads.pump(host);
  }

  #fork(): () => number {
    return randomFrom(Math.floor(this.random() * 2 ** 32));
  }

  #startOf(host: SimHost): number {
    const { late } = this.settings;
    const jitterMs = this.random() * 100;
    return this.random() < late.share && host.index > 0 ? late.afterMs + jitterMs : jitterMs;
  }

  #addAgent(index: number): SimHost {
    const { slow, poisonShare, zones } = this.settings;
    const factor = this.random() < slow.share ? slow.factor : 1;
    const poison = this.random() < poisonShare;
    const zone = zones === 0 ? undefined : this.zones[index % zones];
    return this.#addHost(index + 1, { id: `h${index}`, role: 'agent', zone, factor, poison });
  }

  #addHost(index: number, facts: Pick<SimHost, 'id' | 'role' | 'zone' | 'poison'> & { factor: number }): SimHost {
    const { sizeBytes, pieceLength, uploadBytesPerSecond, downloadBytesPerSecond, diskBytesPerSecond } = this.settings;
    const rates = {
      uploadBytesPerSecond: uploadBytesPerSecond * facts.factor,
      downloadBytesPerSecond: downloadBytesPerSecond * facts.factor,
      diskBytesPerSecond,
    };
    const host = createHost({ index, ...facts, ...rates }, { size: sizeBytes, pieceLength }, this.#fork());
    this.#looks.push(() => this.#lookDownload(host));
    if (host.poison) this.finished++;
    return host;
  }

  #publish(count: number): void {
    if (this.tracker.away) return;
    for (const host of this.agents) if (host.joined) this.#tell(host, { type: 'hashesKnown', count });
  }

  #tell(host: SimHost, event: SwarmEvent): void {
    this.feed(host, event);
    this.#pumpSoon(host);
  }

  /** A message: it takes the latency, and it always comes. */
  #later(task: () => void): void {
    this.time.after(this.settings.latencyMs, task);
  }

  #deliver(wire: Wire, to: SimHost, event: SwarmEvent): void {
    this.#later(() => {
      if (wire.open) this.#tell(to, event);
    });
  }

  #carryOut(host: SimHost, effects: readonly SwarmEffect[]): void {
    let announced: Wire[] | undefined;
    for (const effect of effects) {
      if (effect.type === 'announce') {
        const wire = this.#wires[effect.link];
        if (wire === undefined) continue;
        if (host.role === 'seeder') {
          this.#deliver(wire, otherEnd(wire, host), { type: 'peerHas', link: wire.link, piece: effect.piece });
          continue;
        }
        // One verified piece, told to many: one task.
        if (announced === undefined) {
          announced = [];
          this.#announceLater(host, effect.piece, announced);
        }
        announced.push(wire);
      } else this.#carryOutOne(host, effect);
    }
  }

  #announceLater(host: SimHost, piece: number, wires: Wire[]): void {
    // One event for all: hundreds of millions of them are most of what a large run allocates.
    const has = { type: 'peerHas' as const, link: 0, piece };
    this.#later(() => {
      for (const wire of wires) {
        if (!wire.open) continue;
        const to = otherEnd(wire, host);
        has.link = wire.link;
        this.feed(to, to.paused ? { ...has } : has);
        this.#pumpSoon(to);
      }
    });
  }

  #carryOutOne(host: SimHost, effect: SwarmEffect): void {
    switch (effect.type) {
      case 'dial':
        return this.#dial(host, effect.peer);
      case 'verify':
        return this.#verify(host, effect.piece);
      case 'complete':
        if (host.role === 'seeder') return;
        host.completeAt = this.time.now;
        this.finished++;
        return;
      case 'askLeases':
        return this.#askLeases(host, effect);
      case 'replace':
        return this.#later(() => this.#introduce(host, this.tracker.replace(host, effect.peers)));
      case 'refund':
        return this.#takeTokens(host, -effect.bytes);
      default:
        return this.#onWire(host, effect);
    }
  }

  #onWire(host: SimHost, effect: Extract<SwarmEffect, { link: LinkId }>): void {
    const wire = this.#wires[effect.link];
    if (wire === undefined) return;
    const other = otherEnd(wire, host);
    switch (effect.type) {
      case 'request': {
        const { piece, offset, length } = effect;
        return this.#deliver(wire, other, { type: 'blockRequested', link: wire.link, piece, offset, length });
      }
      case 'serve':
        return this.#serve(host, wire, effect);
      case 'askHashes':
        return this.#deliver(wire, other, { type: 'hashesAsked', link: wire.link, first: effect.first });
      case 'tellHashes':
        return this.#later(() => wire.open && this.#tell(other, hear(other, host, { ...effect, link: wire.link })));
      case 'cancel':
        return this.#later(() => other.uploads.cancel(wire, effect));
      case 'reject':
        return this.#deliver(wire, other, rejection(wire, effect));
      case 'announceSet': {
        const pieces = new PieceSet(effect.pieces.length, effect.pieces.bits);
        return this.#deliver(wire, other, { type: 'peerHolds', link: wire.link, pieces });
      }
      case 'close':
        return this.cut(wire);
    }
  }

  #serve(host: SimHost, wire: Wire, block: Block & { remote?: boolean }): void {
    const { remote } = block;
    const room = { mostTurns: TURNS_WAITING, remote, now: this.time.now };
    if (host.uploads.add(wire, block, room) !== 'busy') return this.#uploads.pump(host);
    this.#deliver(wire, wire.from, rejection(wire, block));
  }

  #dial(host: SimHost, peerId: string): void {
    const peer = peerId === 'seeder' ? this.seeder : (this.agents[Number(peerId.slice(1))] as SimHost);
    // A handshake and the admission: two ways there and back.
    this.time.after(4 * this.settings.latencyMs, () => {
      if (!host.alive) return;
      if (!peer.alive || !this.reachable(host, peer)) return this.feed(host, { type: 'dialFailed', peer: peerId });
      const wire = { link: this.#wires.length, from: host, to: peer, inFlightBytes: 0, open: true };
      const { blockBytes } = this.settings;
      this.#wires.push(wire);
      host.wires.set(wire.link, wire);
      peer.wires.set(wire.link, wire);
      const shared = { type: 'connected', link: wire.link, blockBytes, choked: false, tellsHashes: true } as const;
      const serving = { canRequest: false, canServe: true, remoteIsSeeder: host.role === 'seeder' };
      this.feed(peer, { ...shared, ...serving, peer: host.id, remote: isRemote(peer, host) });
      const asking = { canRequest: true, canServe: false, remoteIsSeeder: peer.role === 'seeder' };
      this.feed(host, { ...shared, ...asking, peer: peerId, remote: isRemote(host, peer) });
    });
  }

  #verify(host: SimHost, piece: number): void {
    const bytes = pieceSize(piece, this.settings.sizeBytes, this.settings.pieceLength);
    this.time.at(pass(host.disk, bytes, this.time.now + (bytes * 1000) / host.disk.bytesPerSecond), () => {
      const ok = !host.spoilt.delete(piece);
      this.feed(host, { type: 'pieceVerified', piece, ok });
      if (!ok && host.swarm.held.has(piece)) host.badPiecesKept++;
      if (this.settings.inOrder) this.#readOn(host);
      this.#pumpSoon(host);
    });
  }

  #readOn(host: SimHost): void {
    const { held } = host.swarm;
    const before = host.readPieces;
    while (host.readPieces < held.length && held.has(host.readPieces)) host.readPieces++;
    if (host.readPieces > before && !held.complete) this.feed(host, { type: 'reading', pieces: [host.readPieces] });
  }

  #askLeases(host: SimHost, { pieces, shown }: { pieces: number[]; shown: number[] }): void {
    this.#later(() => {
      const answer = this.tracker.lease(host, { pieces, shown }, this.time.now);
      if (answer === undefined) return;
      this.#later(() => this.#tell(host, { type: 'leases', ...answer }));
    });
  }

  /** Looks at the next tick whether more may be asked for. */
  #pumpSoon(host: SimHost): void {
    const nextTick = (Math.floor(this.time.now / TICK_MS) + 1) * TICK_MS;
    this.#pumpAt(host, Math.max(nextTick, host.tokensAt));
  }

  #pumpAt(host: SimHost, atMs: number): void {
    if (host.pumpAt <= atMs || host.role === 'seeder' || host.completeAt !== undefined) return;
    host.pumpAt = atMs;
    this.time.at(atMs, this.#looks[host.index] as () => void);
  }

  #lookDownload(host: SimHost): void {
    if (host.pumpAt !== this.time.now) return; // an earlier look came in between
    host.pumpAt = Number.POSITIVE_INFINITY;
    this.#pumpDownload(host);
  }

  #pumpDownload(host: SimHost): void {
    if (!host.alive || host.paused || host.completeAt !== undefined) return;
    const { now } = this.time;
    const bytes = host.bucket.available(now);
    if (bytes <= 0) return this.#pumpSoon(host);
    const effects = host.swarm.handle({ type: 'budget', bytes }, now);
    let asked = 0;
    for (const effect of effects) if (effect.type === 'request') asked += effect.length;
    this.#takeTokens(host, asked);
    this.#carryOut(host, effects);
    if (asked > 0) this.#pumpSoon(host);
  }

  #takeTokens(host: SimHost, bytes: number): void {
    const { now } = this.time;
    host.bucket.take(bytes, now);
    const debt = -host.bucket.available(now);
    host.tokensAt = debt < 0 ? 0 : Math.floor(now + (debt * 1000) / host.downloadBytesPerSecond) + 1;
  }

  #arrived(wire: Wire, block: Block): void {
    const { from: receiver, to: sender } = wire;
    receiver.receivedBytes += block.length;
    if (receiver.swarm.judge(wire.link, block) !== 'store') {
      receiver.wastedBytes += block.length;
      return;
    }
    if (sender.poison) receiver.spoilt.add(block.piece);
    const { piece, offset, length } = block;
    this.#tell(receiver, { type: 'blockReceived', link: wire.link, piece, offset, length });
  }

  /** Looks every 100 ms whether something is due, as agents do. */
  #lookLater(host: SimHost): void {
    this.time.after(WAKE_MS, () => {
      host.looking = host.alive;
      if (!host.alive) return;
      if (!host.paused && host.swarm.isDue(this.time.now)) this.feed(host, { type: 'wake' });
      this.#pumpSoon(host); // some things only need time
      this.#lookLater(host);
    });
  }
}

/** As the tracker tells it: nothing is remote to a host without a zone. */
function isRemote(host: SimHost, peer: SimHost): boolean {
  return host.zone !== undefined && host.zone !== peer.zone;
}

function rejection({ link }: Wire, { piece, offset, length }: Block): SwarmEvent {
  return { type: 'blockRejected', link, piece, offset, length };
}

function otherEnd(wire: Wire, host: SimHost): SimHost {
  return wire.from === host ? wire.to : wire.from;
}
