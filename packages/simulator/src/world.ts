/**
 * A fleet in virtual time: hosts with the production state machines, joined by simulated wires. One
 * seed decides everything that happens. Carries out effects; what goes wrong and when is faults.ts.
 */
import { type Block, type LinkId, PieceSet, pieceSize, type SwarmEffect, type SwarmEvent } from '@shoal/swarm';
import { createFleetTracker, type FleetTracker } from './fleet-tracker.ts';
import { createHost, restart, type SimHost, type Wire } from './host.ts';
import { createZone, pass, type Zone } from './network.ts';
import type { Settings } from './options.ts';
import { randomFrom } from './random.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';

/** A host looks every so often whether it may ask for more, as agents do. */
const TICK_MS = 5;
const WAKE_MS = 100;
/** More than this on its way to one peer: it reads too slowly to be sent more. */
const IN_FLIGHT_BYTES = 1024 * 1024;
const HASHES_EVERY_MS = 100;
const RUN_MS = 10;
/** Pieces that may wait at an uploader. */
const TURNS_WAITING = 2;

const EVENT_CODES: Record<SwarmEvent['type'], number> = {
  hashesKnown: 1,
  neighbours: 2,
  dialFailed: 3,
  connected: 4,
  disconnected: 5,
  choked: 6,
  maxRequests: 7,
  peerHas: 8,
  peerHolds: 9,
  blockReceived: 10,
  blockRejected: 11,
  pieceVerified: 12,
  pieceLost: 13,
  blockRequested: 14,
  leases: 15,
  budget: 16,
  wake: 17,
};

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
  originBytes = 0;
  finished = 0;
  #hashesKnown = 0;
  #links = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    this.random = randomFrom(settings.seed);
    this.tracker = createFleetTracker(settings.degree, this.#fork());
    for (let index = 0; index < settings.zones; index++)
      this.zones.push(createZone(`z${index}`, settings.uplinkBytesPerSecond));
    this.seeder = this.#addHost(0, { id: 'seeder', role: 'seeder', zone: undefined, factor: 1, poison: false });
    for (let index = 0; index < settings.hosts; index++) this.agents.push(this.#addAgent(index));
    this.#readOrigin();
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
    this.#carryOut(host, host.swarm.handle(event, this.time.now));
  }

  join(host: SimHost): void {
    if (!host.alive || this.tracker.away) return;
    if (!host.joined && host.role === 'agent') host.startedAt = this.time.now;
    if (!host.looking) this.#lookLater(host);
    host.looking = true;
    host.joined = true;
    const linked = this.tracker.join(host);
    for (const other of linked) this.#introduce(host, other);
    this.#later(() => this.#tell(host, { type: 'hashesKnown', count: this.#hashesKnown }));
    this.#pumpSoon(host);
  }

  #introduce(a: SimHost, b: SimHost): void {
    this.#later(() => this.feed(a, { type: 'neighbours', peers: [b.id] }));
    this.#later(() => this.feed(b, { type: 'neighbours', peers: [a.id] }));
  }

  kill(host: SimHost): void {
    if (!host.alive) return;
    host.alive = false;
    for (const [left, others] of this.tracker.leave(host)) for (const other of others) this.#introduce(left, other);
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
    this.#pumpUpload(host);
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
    if (host.poison) this.finished++;
    return host;
  }

  #readOrigin(): void {
    const { originBytesPerSecond } = this.settings;
    const cold = originBytesPerSecond !== Number.POSITIVE_INFINITY;
    if (!cold) {
      this.#hashesKnown = this.seeder.swarm.held.length;
      for (let piece = 0; piece < this.#hashesKnown; piece++)
        this.feed(this.seeder, { type: 'pieceVerified', piece, ok: true });
      return;
    }
    this.#readPiece(0);
    this.#tellHashes(0);
  }

  /** One after the other; a seeder that starts again goes on where it was. */
  #readPiece(piece: number): void {
    const { sizeBytes, pieceLength, originBytesPerSecond } = this.settings;
    if (piece >= this.seeder.swarm.held.length) return;
    const bytes = pieceSize(piece, sizeBytes, pieceLength);
    this.time.after((bytes * 1000) / originBytesPerSecond, () => {
      if (!this.seeder.alive) return this.#readPiece(piece);
      this.originBytes += bytes;
      this.#hashesKnown = piece + 1;
      this.feed(this.seeder, { type: 'pieceVerified', piece, ok: true });
      this.#readPiece(piece + 1);
    });
  }

  #tellHashes(told: number): void {
    const known = this.#hashesKnown;
    if (known > told && !this.tracker.away)
      for (const host of this.agents) if (host.joined) this.#tell(host, { type: 'hashesKnown', count: known });
    if (told < this.seeder.swarm.held.length) this.time.after(HASHES_EVERY_MS, () => this.#tellHashes(known));
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
      if (!wire.open) return;
      this.feed(to, event);
      this.#pumpSoon(to);
    });
  }

  #carryOut(host: SimHost, effects: readonly SwarmEffect[]): void {
    let announced: Wire[] | undefined;
    for (const effect of effects) {
      if (effect.type === 'announce') {
        const wire = host.wires.get(effect.link);
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
        return this.#askLeases(host, effect.pieces);
      case 'refund':
        return this.#takeTokens(host, -effect.bytes);
      default:
        return this.#onWire(host, effect);
    }
  }

  #onWire(host: SimHost, effect: Extract<SwarmEffect, { link: LinkId }>): void {
    const wire = host.wires.get(effect.link);
    if (wire === undefined) return;
    const other = otherEnd(wire, host);
    switch (effect.type) {
      case 'request': {
        const { piece, offset, length } = effect;
        return this.#deliver(wire, other, { type: 'blockRequested', link: wire.link, piece, offset, length });
      }
      case 'serve':
        return this.#serve(host, wire, { piece: effect.piece, offset: effect.offset, length: effect.length });
      case 'cancel':
        return this.#later(() => other.uploads.cancel(wire, effect));
      case 'reject':
        return this.#deliver(wire, other, { ...effect, type: 'blockRejected' });
      case 'announceSet': {
        const pieces = new PieceSet(effect.pieces.length, effect.pieces.bits);
        return this.#deliver(wire, other, { type: 'peerHolds', link: wire.link, pieces });
      }
      case 'close':
        return this.cut(wire);
    }
  }

  #serve(host: SimHost, wire: Wire, block: Block): void {
    const room = { mostTurns: TURNS_WAITING, now: this.time.now };
    if (host.uploads.add(wire, block, room) !== 'busy') return this.#pumpUpload(host);
    this.#deliver(wire, wire.from, { type: 'blockRejected', link: wire.link, ...block });
  }

  #dial(host: SimHost, peerId: string): void {
    const peer = peerId === 'seeder' ? this.seeder : (this.agents[Number(peerId.slice(1))] as SimHost);
    // A handshake and the admission: two ways there and back.
    this.time.after(4 * this.settings.latencyMs, () => {
      if (!host.alive) return;
      if (!peer.alive || !this.reachable(host, peer)) return this.feed(host, { type: 'dialFailed', peer: peerId });
      const wire = { link: ++this.#links, from: host, to: peer, inFlightBytes: 0, open: true };
      const { blockBytes } = this.settings;
      host.wires.set(wire.link, wire);
      peer.wires.set(wire.link, wire);
      const shared = { type: 'connected', link: wire.link, blockBytes, choked: false } as const;
      const serving = { canRequest: false, canServe: true, remoteIsSeeder: host.role === 'seeder' };
      this.feed(peer, { ...shared, ...serving, peer: host.id });
      const asking = { canRequest: true, canServe: false, remoteIsSeeder: peer.role === 'seeder' };
      const remote = host.zone !== undefined && host.zone !== peer.zone;
      this.feed(host, { ...shared, ...asking, peer: peerId, remote });
    });
  }

  #verify(host: SimHost, piece: number): void {
    const bytes = pieceSize(piece, this.settings.sizeBytes, this.settings.pieceLength);
    this.time.at(pass(host.disk, bytes, this.time.now + (bytes * 1000) / host.disk.bytesPerSecond), () => {
      const ok = !host.spoilt.delete(piece);
      this.feed(host, { type: 'pieceVerified', piece, ok });
      if (!ok && host.swarm.held.has(piece)) host.badPiecesKept++;
      this.#pumpSoon(host);
    });
  }

  #askLeases(host: SimHost, pieces: number[]): void {
    this.#later(() => {
      const answer = this.tracker.lease(host, pieces, this.time.now);
      if (answer === undefined) return;
      this.#later(() => {
        this.feed(host, { type: 'leases', ...answer });
        this.#pumpSoon(host);
      });
    });
  }

  /** Looks at the next tick whether more may be asked for. */
  #pumpSoon(host: SimHost): void {
    const nextTick = (Math.floor(this.time.now / TICK_MS) + 1) * TICK_MS;
    this.#pumpAt(host, Math.max(nextTick, host.tokensAt));
  }

  #pumpAt(host: SimHost, atMs: number): void {
    if (host.role === 'seeder' || host.pumpAt <= atMs) return;
    host.pumpAt = atMs;
    this.time.at(atMs, () => {
      if (host.pumpAt !== atMs) return; // an earlier look came in between
      host.pumpAt = Number.POSITIVE_INFINITY;
      this.#pumpDownload(host);
    });
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

  #pumpUpload(host: SimHost): void {
    if (host.uploading || host.paused || !host.alive) return;
    const maxBytes = Math.max(this.settings.blockBytes, (host.uploadBytesPerSecond * RUN_MS) / 1000);
    const next = host.uploads.next((wire) => wire.inFlightBytes < IN_FLIGHT_BYTES, maxBytes);
    if (next === undefined) return;
    const { requester: wire, run } = next;
    const bytes = run.reduce((sum, { length }) => sum + length, 0);
    const { now } = this.time;
    // Times are whole milliseconds, the card's own clock is not: what it was late is not lost.
    if (now - host.upload.freeAt > 1) host.upload.freeAt = now;
    host.uploading = true;
    wire.inFlightBytes += bytes;
    const sentAt = pass(host.upload, bytes, host.upload.freeAt);
    this.time.at(sentAt, () => {
      host.uploading = false;
      this.#travel(wire, run, sentAt);
      this.#pumpUpload(host);
    });
  }

  #travel(wire: Wire, run: readonly Block[], sentAt: number): void {
    const { from: receiver, to: sender } = wire;
    const crosses = sender.zone !== receiver.zone;
    for (const block of run) {
      let atMs = sentAt;
      if (crosses && sender.zone !== undefined) atMs = pass(sender.zone.egress, block.length, atMs);
      if (crosses && receiver.zone !== undefined) atMs = pass(receiver.zone.ingress, block.length, atMs);
      atMs = pass(receiver.download, block.length, atMs) + this.settings.latencyMs;
      this.time.at(atMs, () => this.#arrive(wire, block));
    }
  }

  #arrive(wire: Wire, block: Block): void {
    const { from: receiver, to: sender } = wire;
    wire.inFlightBytes -= block.length;
    this.#pumpUpload(sender);
    if (!wire.open || !receiver.alive) return;
    receiver.receivedBytes += block.length;
    if (receiver.swarm.judge(wire.link, block) !== 'store') {
      receiver.wastedBytes += block.length;
      return;
    }
    if (sender.poison) receiver.spoilt.add(block.piece);
    this.feed(receiver, { type: 'blockReceived', link: wire.link, ...block });
    this.#pumpSoon(receiver);
  }

  /** Looks every 100 ms whether something is due, as agents do. */
  #lookLater(host: SimHost): void {
    this.time.after(WAKE_MS, () => {
      host.looking = host.alive;
      if (!host.alive) return;
      const due = host.paused ? undefined : host.swarm.nextWakeup();
      if (due !== undefined && due <= this.time.now) {
        this.feed(host, { type: 'wake' });
      }
      this.#pumpSoon(host); // some things only need time
      this.#lookLater(host);
    });
  }
}

function otherEnd(wire: Wire, host: SimHost): SimHost {
  return wire.from === host ? wire.to : wire.from;
}
