/**
 * The swarm state machine of one blob: `handle(event, now)` returns what to do, `isDue(now)`
 * whether to wake it. Ties together whom to dial, what to ask (Downloads), what to show (Revealer)
 * and who misbehaves. Bytes, sockets, files and clocks are the shell's.
 */
import { Dialer } from './dialer.ts';
import { Downloads, LATE_MS } from './downloads.ts';
import type { Block, CloseReason, LinkId, LinkInfo, PeerId, SwarmEffect, SwarmEvent } from './events.ts';
import { pieceCount, pieceSize } from './geometry.ts';
import { HashAsks } from './hash-asks.ts';
import { createLink, isExpected, type Link, SILENT_MS, silentAt } from './links.ts';
import { PieceSet } from './piece-set.ts';
import { Revealer } from './revealer.ts';

export interface SwarmOptions {
  size: number;
  pieceLength: number;
  /** A seeder reads the origin elsewhere, asks nobody and shows the least-sent piece first. */
  role: 'seeder' | 'agent';
  /** Pieces already on disk and believed. */
  held?: PieceSet;
  /** Memory for pieces being received, bytes; default 64 MiB. */
  activeBytes?: number;
  random: () => number;
}

/** What concerns one link and nothing else. */
type LinkEvent = Extract<
  SwarmEvent,
  {
    type:
      | 'blockReceived'
      | 'blockRequested'
      | 'blockRejected'
      | 'choked'
      | 'maxRequests'
      | 'hashesAsked'
      | 'hashesTold'
      | 'hashesForged';
  }
>;

const NOTHING: readonly SwarmEffect[] = [];

export class Swarm {
  readonly held: PieceSet;
  readonly #options: SwarmOptions;
  readonly #downloads: Downloads;
  readonly #hashes: HashAsks;
  readonly #dialer = new Dialer();
  readonly #revealer: Revealer | undefined;
  readonly #links = new Map<LinkId, Link>();
  /** The links that may be asked: seeders first, what they show to us they show to nobody else. */
  readonly #sources: Link[] = [];
  /** The links that are told of our pieces. */
  readonly #listeners: Link[] = [];
  #completed = false;
  #lookedAt = 0;
  /** No link counts as silent before. */
  #silentNotBefore = 0;

  constructor(options: SwarmOptions) {
    const pieces = pieceCount(options.size, options.pieceLength);
    this.held = new PieceSet(pieces, options.held?.bits);
    this.#options = options;
    this.#downloads = new Downloads(this.held, this.#links, { activeBytes: 64 * 1024 * 1024, ...options });
    this.#revealer = options.role === 'seeder' ? new Revealer(this.held, options.pieceLength) : undefined;
    this.#hashes = new HashAsks({ held: this.held, signs: options.role === 'seeder' });
    this.#completed = this.held.complete;
  }

  handle(event: SwarmEvent, now: number): readonly SwarmEffect[] {
    switch (event.type) {
      case 'hashesKnown':
        return this.#hashesKnown(event.count, event.from ?? 'tracker', now);
      case 'neighbours':
        this.#dialer.add(event.peers);
        return this.#dial(now);
      case 'dialFailed':
        this.#dialer.failed(event.peer, now);
        return NOTHING;
      case 'connected':
        return this.#connected(event, now);
      case 'disconnected':
        return this.#withAsks(this.#disconnected(event.link, now), now);
      case 'peerHas':
        return this.#withAsks(this.#peerHas(event.link, event.piece, now), now);
      case 'peerHolds':
        return this.#withAsks(this.#peerHolds(event.link, event.pieces, now), now);
      case 'pieceVerified':
        return this.#withAsks(this.#pieceVerified(event.piece, event.ok, now), now);
      case 'pieceLost':
        this.#downloads.verified(event.piece, false, now);
        return NOTHING;
      case 'leases':
        this.#downloads.leased(event.granted, event.refused, now);
        return NOTHING;
      case 'budget':
        return this.#completed ? NOTHING : this.#downloads.request(this.#sources, event, now);
      case 'reading':
        this.#downloads.setReading(event.pieces);
        return NOTHING;
      case 'wake':
        return this.#wake(now);
      default: {
        const link = this.#links.get(event.link);
        return link === undefined ? NOTHING : this.#onLink(link, event, now);
      }
    }
  }

  #onLink(link: Link, event: LinkEvent, now: number): readonly SwarmEffect[] {
    switch (event.type) {
      case 'blockReceived':
        return this.#downloads.received(link, event, now);
      case 'blockRequested':
        return this.#blockRequested(link, event, now);
      case 'blockRejected':
        return this.#downloads.rejected(link, event, now)
          ? [{ type: 'refund', bytes: event.length, remote: link.remote === true }]
          : NOTHING;
      case 'choked':
        return this.#choked(link, event.choked);
      case 'maxRequests':
        link.maxRequests = event.count;
        return NOTHING;
      case 'hashesAsked':
        return this.#withAsks(this.#hashes.askedBy(link, event.first), now);
      case 'hashesTold':
        this.#hashes.toldBy(link, event.runs);
        return this.#hashesKnown(event.known, 'elsewhere', now);
      case 'hashesForged':
        return this.#blame(link.peer, 'forged hashes', now);
    }
  }

  /**
   * What to do with a block that is coming in, before its bytes are taken: `store` it, `drop` what
   * was asked for once and is not awaited any more; nobody asked for an `unrequested` one.
   */
  judge(linkId: LinkId, block: Block): 'store' | 'drop' | 'unrequested' {
    const link = this.#links.get(linkId);
    if (link === undefined || !isExpected(link, block)) return 'unrequested';
    return this.#downloads.wants(link, block) ? 'store' : 'drop';
  }

  /** Whether `wake` is due. Cheap: shells ask ten times a second. */
  isDue(now: number): boolean {
    if ((this.#revealer?.nextWakeup() ?? now + 1) <= now) return true;
    if (!this.#completed && (this.#dialer.nextDueAt() ?? now + 1) <= now) return true;
    if (this.#downloads.inEndgame && this.#lookedAt + LATE_MS <= now) return true;
    if ((this.#hashes.dueAt() ?? now + 1) <= now) return true;
    return this.#isSomeoneSilent(now);
  }

  /** What is asked or comes from now on gives its link at least `SILENT_MS` from now: until then nobody needs a look. */
  #isSomeoneSilent(now: number): boolean {
    if (now < this.#silentNotBefore) return false;
    let next = now + SILENT_MS;
    for (const link of this.#sources) next = Math.min(next, silentAt(link) ?? next);
    this.#silentNotBefore = next;
    return next <= now;
  }

  #hashesKnown(count: number, from: 'tracker' | 'elsewhere', now: number): readonly SwarmEffect[] {
    this.#downloads.hashesKnown(count);
    this.#hashes.known(count, from, now);
    return this.#withAsks(this.#dial(now), now);
  }

  /** Whatever happened may show that hashes are missing, or be what a peer waits for. */
  #withAsks(effects: readonly SwarmEffect[], now: number): readonly SwarmEffect[] {
    const asks = this.#hashes.look(this.#sources, now);
    return asks.length === 0 ? effects : [...effects, ...asks];
  }

  #connected(info: LinkInfo, now: number): readonly SwarmEffect[] {
    const link = createLink(info, this.held.length, now);
    this.#links.set(link.link, link);
    this.#pair(link);
    if (link.canRequest) this.#sources[link.remoteIsSeeder ? 'unshift' : 'push'](link);
    if (link.remoteIsSeeder || (link.canServe && this.#revealer === undefined)) this.#listeners.push(link);
    // Who was blocked and comes back by itself has to wait as well; a mere downloader does no harm.
    if (link.canRequest && this.#dialer.isBlocked(link.peer, now)) return [close(link, 'blocked')];
    // A dial that was under way when the last piece came: nothing will ever be asked there.
    if (this.#completed && link.canRequest && !link.canServe) return [close(link, 'complete')];
    if (link.canRequest) this.#dialer.connected(link.peer);
    const effects: SwarmEffect[] = [];
    if (link.canServe && this.#revealer !== undefined) {
      this.#revealer.join(link, now);
      effects.push({ type: 'announceSet', link: link.link, pieces: new PieceSet(this.held.length) });
      effects.push(...this.#reveal(now));
    } else if (link.canServe || link.remoteIsSeeder) {
      effects.push({ type: 'announceSet', link: link.link, pieces: this.held });
    }
    return effects;
  }

  #disconnected(linkId: LinkId, now: number): SwarmEffect[] {
    const link = this.#links.get(linkId);
    if (link === undefined) return [];
    this.#links.delete(linkId);
    if (link.twin !== undefined) link.twin.twin = undefined;
    this.#revealer?.leave(linkId);
    remove(this.#listeners, link);
    this.#hashes.left(link);
    if (link.canRequest) {
      remove(this.#sources, link);
      this.#downloads.left(link);
      this.#dialer.failed(link.peer, now);
    }
    return this.#reveal(now);
  }

  #pair(link: Link): void {
    for (const other of this.#links.values()) {
      if (other === link || other.peer !== link.peer || other.canRequest === link.canRequest) continue;
      link.twin = other;
      other.twin = link;
    }
  }

  /** A choke drops what was asked (BEP 3). */
  #choked(link: Link, choked: boolean): readonly SwarmEffect[] {
    link.choked = choked;
    if (choked) this.#downloads.release(link);
    return NOTHING;
  }

  #peerHolds(linkId: LinkId, pieces: PieceSet, now: number): readonly SwarmEffect[] {
    const effects: SwarmEffect[] = [];
    for (const piece of pieces) effects.push(...this.#peerHas(linkId, piece, now));
    return effects;
  }

  #peerHas(linkId: LinkId, piece: number, now: number): readonly SwarmEffect[] {
    const link = this.#links.get(linkId);
    if (link === undefined) return NOTHING;
    if (piece < 0 || piece >= this.held.length) return [close(link, 'piece out of range')];
    if (!link.have.add(piece)) return NOTHING;
    if (link.canRequest) {
      this.#downloads.offered(link, piece);
      this.#hashes.announced(link, piece, now);
    }
    if (this.#revealer === undefined) return NOTHING;
    this.#revealer.noteHave(linkId, piece, now);
    return this.#reveal(now);
  }

  #pieceVerified(piece: number, ok: boolean, now: number): SwarmEffect[] {
    const authors = this.#downloads.verified(piece, ok, now);
    if (!ok) return this.#punish(authors, now);
    const effects: SwarmEffect[] = [];
    for (const link of this.#listeners)
      if (!knows(link, piece)) effects.push({ type: 'announce', link: link.link, piece });
    if (this.#revealer !== undefined) effects.push(...this.#reveal(now));
    if (this.held.complete && !this.#completed) effects.push(...this.#complete());
    return effects;
  }

  #complete(): SwarmEffect[] {
    this.#completed = true;
    const effects: SwarmEffect[] = [{ type: 'complete' }];
    for (const link of this.#links.values())
      if (link.canRequest && !link.canServe) effects.push(close(link, 'complete'));
    return effects;
  }

  /** A piece with one author has one culprit; with several, the next try will tell. */
  #punish(authors: readonly PeerId[], now: number): SwarmEffect[] {
    const [author] = authors;
    return author === undefined || authors.length > 1 ? [] : this.#blame(author, 'bad piece', now);
  }

  #blame(author: PeerId, reason: CloseReason, now: number): SwarmEffect[] {
    const blocked = this.#dialer.badPiece(author, now);
    const effects = [...this.#links.values()]
      .filter((link) => link.peer === author && (link.canRequest || blocked))
      .map((link) => close(link, blocked ? 'blocked' : reason));
    return blocked ? [...effects, { type: 'replace', peers: this.#dialer.blocked(now) }] : effects;
  }

  #blockRequested(link: Link, { piece, offset, length }: Block, now: number): SwarmEffect[] {
    if (!link.canServe) return [close(link, 'not a downloader')];
    this.#revealer?.noteRequest(link.link, now);
    const { size, pieceLength } = this.#options;
    const inRange = piece < this.held.length && length > 0 && offset + length <= pieceSize(piece, size, pieceLength);
    if (!inRange) return [close(link, 'request out of range')];
    if (!this.held.has(piece)) return [{ type: 'reject', link: link.link, piece, offset, length }];
    const remote = link.remote || this.#revealer !== undefined;
    return [{ type: 'serve', link: link.link, remote, piece, offset, length }];
  }

  #wake(now: number): SwarmEffect[] {
    const effects = [...this.#dial(now), ...this.#reveal(now), ...this.#hashes.look(this.#sources, now)];
    if (this.#downloads.inEndgame) this.#downloads.lookAgain(); // what was not late may be now
    this.#lookedAt = now;
    for (const link of this.#sources) {
      const silent = silentAt(link);
      if (silent === undefined || silent > now) continue;
      if (link.snubbed) {
        effects.push(close(link, 'silent'));
        continue;
      }
      for (const block of link.asked.values()) effects.push({ type: 'cancel', link: link.link, ...pick(block) });
      this.#downloads.release(link);
      link.snubbed = true;
    }
    return effects;
  }

  #dial(now: number): SwarmEffect[] {
    if (this.#completed) return [];
    return this.#dialer.due(now).map((peer) => ({ type: 'dial', peer }));
  }

  #reveal(now: number): SwarmEffect[] {
    return (this.#revealer?.reveal(now) ?? []).map((reveal) => ({ type: 'announce', ...reveal }));
  }
}

/** Who has the piece itself need not know that we have it, but for the seeder, which counts what is out. */
function knows(link: Link, piece: number): boolean {
  return !link.remoteIsSeeder && (link.twin ?? link).have.has(piece);
}

function remove(links: Link[], link: Link): void {
  const at = links.indexOf(link);
  if (at >= 0) links.splice(at, 1);
}

function close(link: Link, reason: CloseReason): SwarmEffect {
  return { type: 'close', link: link.link, reason };
}

function pick({ piece, offset, length }: Block): Block {
  return { piece, offset, length };
}
