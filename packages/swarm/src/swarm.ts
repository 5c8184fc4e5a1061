/**
 * The swarm state machine of one blob: `handle(event, now)` returns what to do, `nextWakeup()`
 * when to come back. Ties together whom to dial, what to ask (Downloads), what to show (Revealer)
 * and who misbehaves. Bytes, sockets, files and clocks are the shell's.
 */
import { Dialer } from './dialer.ts';
import { Downloads, LATE_MS } from './downloads.ts';
import type { Block, CloseReason, LinkId, LinkInfo, PeerId, SwarmEffect, SwarmEvent } from './events.ts';
import { pieceCount, pieceSize } from './geometry.ts';
import { createLink, isExpected, type Link, silentAt } from './links.ts';
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

export class Swarm {
  readonly held: PieceSet;
  readonly #options: SwarmOptions;
  readonly #downloads: Downloads;
  readonly #dialer = new Dialer();
  readonly #revealer: Revealer | undefined;
  readonly #links = new Map<LinkId, Link>();
  #completed = false;
  #lookedAt = 0;

  constructor(options: SwarmOptions) {
    const pieces = pieceCount(options.size, options.pieceLength);
    this.held = new PieceSet(pieces, options.held?.bits);
    this.#options = options;
    this.#downloads = new Downloads(this.held, this.#links, { activeBytes: 64 * 1024 * 1024, ...options });
    this.#revealer =
      options.role === 'seeder' ? new Revealer(this.held, options.pieceLength, options.random) : undefined;
    this.#completed = this.held.complete;
  }

  handle(event: SwarmEvent, now: number): SwarmEffect[] {
    switch (event.type) {
      case 'hashesKnown':
        this.#downloads.hashesKnown(event.count);
        this.#refresh();
        return this.#dial(now);
      case 'neighbours':
        this.#dialer.add(event.peers);
        return this.#dial(now);
      case 'dialFailed':
        this.#dialer.failed(event.peer, now);
        return [];
      case 'connected':
        return this.#connected(event, now);
      case 'disconnected':
        return this.#disconnected(event.link, now);
      case 'choked':
        return this.#withLink(event.link, (link) => this.#choked(link, event.choked));
      case 'maxRequests':
        return this.#withLink(event.link, (link) => {
          link.maxRequests = event.count;
          return [];
        });
      case 'peerHas':
        return this.#peerHas(event.link, [event.piece], now);
      case 'peerHolds':
        return this.#peerHas(event.link, event.pieces, now);
      case 'blockReceived':
        return this.#withLink(event.link, (link) => this.#downloads.received(link, pick(event), now));
      case 'blockRejected':
        return this.#withLink(event.link, (link) => {
          this.#downloads.rejected(link, pick(event));
          this.#refresh();
          link.exhausted = true;
          return [];
        });
      case 'pieceVerified':
        return this.#pieceVerified(event.piece, event.ok, now);
      case 'pieceLost':
        this.#downloads.verified(event.piece, false);
        this.#refresh();
        return [];
      case 'blockRequested':
        return this.#withLink(event.link, (link) => this.#blockRequested(link, pick(event)));
      case 'leases':
        return [];
      case 'budget':
        return this.#completed ? [] : this.#downloads.request(this.#askable(), event.bytes, now);
      case 'wake':
        return this.#wake(now);
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

  /** When `wake` is due, in the same clock as `now`; undefined when nothing is pending. */
  nextWakeup(): number | undefined {
    const times = [this.#completed ? undefined : this.#dialer.nextDueAt(), this.#revealer?.nextWakeup()];
    for (const link of this.#links.values()) times.push(silentAt(link));
    if (this.#downloads.inEndgame) times.push(this.#lookedAt + LATE_MS);
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  #connected(info: LinkInfo, now: number): SwarmEffect[] {
    const link = createLink(info, this.held.length, now);
    this.#links.set(link.link, link);
    // Who was blocked and comes back by itself has to wait as well; a mere downloader does no harm.
    if (link.canRequest && this.#dialer.isBlocked(link.peer, now)) return [close(link, 'blocked')];
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
    this.#revealer?.leave(linkId);
    if (link.canRequest) {
      this.#downloads.release(link);
      for (const piece of link.have) this.#downloads.picker.adjust(piece, -1);
      this.#dialer.failed(link.peer, now);
      this.#refresh();
    }
    return this.#reveal(now);
  }

  /** A choke drops what was asked (BEP 3). */
  #choked(link: Link, choked: boolean): SwarmEffect[] {
    link.choked = choked;
    if (choked) {
      this.#downloads.release(link);
      this.#refresh();
    }
    return [];
  }

  #peerHas(linkId: LinkId, pieces: Iterable<number>, now: number): SwarmEffect[] {
    const link = this.#links.get(linkId);
    if (link === undefined) return [];
    for (const piece of pieces) {
      if (piece < 0 || piece >= this.held.length) return [close(link, 'piece out of range')];
      if (!link.have.add(piece)) continue;
      if (link.canRequest) this.#downloads.picker.adjust(piece, 1);
      this.#revealer?.noteHave(linkId, piece, now);
    }
    link.exhausted = false;
    return this.#reveal(now);
  }

  #pieceVerified(piece: number, ok: boolean, now: number): SwarmEffect[] {
    const authors = this.#downloads.verified(piece, ok);
    this.#refresh();
    if (!ok) return this.#punish(authors, now);
    const effects: SwarmEffect[] = [];
    for (const link of this.#links.values()) {
      const listens = (link.canServe && this.#revealer === undefined && !link.have.has(piece)) || link.remoteIsSeeder;
      if (listens) effects.push({ type: 'announce', link: link.link, piece });
    }
    effects.push(...this.#reveal(now));
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
    if (author === undefined || authors.length > 1) return [];
    const blocked = this.#dialer.badPiece(author, now);
    return [...this.#links.values()]
      .filter((link) => link.peer === author && (link.canRequest || blocked))
      .map((link) => close(link, blocked ? 'blocked' : 'bad piece'));
  }

  #blockRequested(link: Link, block: Block): SwarmEffect[] {
    if (!link.canServe) return [close(link, 'not a downloader')];
    const { size, pieceLength } = this.#options;
    const inRange =
      block.piece < this.held.length &&
      block.length > 0 &&
      block.offset + block.length <= pieceSize(block.piece, size, pieceLength);
    if (!inRange) return [close(link, 'request out of range')];
    return [{ type: this.held.has(block.piece) ? 'serve' : 'reject', link: link.link, ...block }];
  }

  #wake(now: number): SwarmEffect[] {
    const effects = [...this.#dial(now), ...this.#reveal(now)];
    if (this.#downloads.inEndgame) this.#refresh(); // what was not late may be now
    this.#lookedAt = now;
    for (const link of this.#links.values()) {
      const silent = silentAt(link);
      if (silent === undefined || silent > now) continue;
      if (link.snubbed) {
        effects.push(close(link, 'silent'));
        continue;
      }
      for (const block of link.asked.values()) effects.push({ type: 'cancel', link: link.link, ...pick(block) });
      this.#downloads.release(link);
      link.snubbed = true;
      this.#refresh();
    }
    return effects;
  }

  #dial(now: number): SwarmEffect[] {
    if (this.#completed || this.#revealer !== undefined) return [];
    return this.#dialer.due(now).map((peer) => ({ type: 'dial', peer }));
  }

  #reveal(now: number): SwarmEffect[] {
    return (this.#revealer?.reveal(now) ?? []).map((reveal) => ({ type: 'announce', ...reveal }));
  }

  #askable(): Link[] {
    return [...this.#links.values()].filter((link) => link.canRequest && !link.choked && !link.exhausted);
  }

  /** Pieces came free or became known: every link may have something again. */
  #refresh(): void {
    for (const link of this.#links.values()) link.exhausted = false;
  }

  #withLink(linkId: LinkId, act: (link: Link) => SwarmEffect[]): SwarmEffect[] {
    const link = this.#links.get(linkId);
    return link === undefined ? [] : act(link);
  }
}

function close(link: Link, reason: CloseReason): SwarmEffect {
  return { type: 'close', link: link.link, reason };
}

function pick({ piece, offset, length }: Block): Block {
  return { piece, offset, length };
}
