/**
 * What to ask of whom: continues a link's own piece, takes over an abandoned one, starts the
 * rarest, and at the very end asks a second peer for what a first one is slow to send. Holds the
 * active pieces and the picker; knows nothing of serving, dialling or announcing.
 */
import {
  type ActivePiece,
  askersOf,
  blockAt,
  blockIndex,
  isAsked,
  lateBlock,
  noteAsker,
  noteBlock,
  releaseBlock,
  releaseLink,
  startPiece,
  unaskedBlock,
} from './active-pieces.ts';
import type { Block, Budget, LinkId, PeerId, SwarmEffect } from './events.ts';
import { pieceSize } from './geometry.ts';
import { Leases } from './leases.ts';
import { blockKey, forgetAsked, forgiveAsked, hasRoom, type Link, NEVER, noteAsked, noteReceived } from './links.ts';
import { PiecePicker } from './picker.ts';
import type { PieceSet } from './piece-set.ts';

export interface DownloadOptions {
  size: number;
  pieceLength: number;
  /** Memory for pieces being received, bytes. */
  activeBytes: number;
  random: () => number;
}

/** In endgame a block that is out for so long is asked of a second peer, ms. */
export const LATE_MS = 300;
/** Who had no room for us is not asked again for so long: other peers are, meanwhile. */
const BUSY_MS = 20;
/** So far ahead of who reads in order. */
const READ_AHEAD_PIECES = 16;

/** One call of `request`. */
interface Round {
  count: number;
  inTurn(index: number): Link;
  mayAsk(link: Link): boolean;
  ask(link: Link, block: Block): void;
}

export class Downloads {
  readonly picker: PiecePicker;
  readonly leases: Leases;
  readonly #active = new Map<number, ActivePiece>();
  readonly #held: PieceSet;
  readonly #links: ReadonlyMap<LinkId, Link>;
  readonly #options: DownloadOptions;
  readonly #maxActive: number;
  #verifiable = 0;
  #turn = 0;
  #mostBlockBytes = Number.POSITIVE_INFINITY;
  #mostRemoteBlockBytes = Number.POSITIVE_INFINITY;
  #aheadMs: number | undefined;
  /** The next missing piece of each who reads the blob in order. */
  #reading: readonly number[] = [];
  #readAhead = 0;
  /** Counts what may give a link something to ask for again. */
  #version = 0;

  constructor(held: PieceSet, links: ReadonlyMap<LinkId, Link>, options: DownloadOptions) {
    this.#held = held;
    this.#links = links;
    this.#options = options;
    this.picker = new PiecePicker(held.length, options.random);
    this.leases = new Leases(held);
    this.#maxActive = Math.max(4, Math.floor(options.activeBytes / options.pieceLength));
  }

  get verifiable(): number {
    return this.#verifiable;
  }

  hashesKnown(count: number): void {
    this.#version++;
    for (let piece = this.#verifiable; piece < count; piece++) if (!this.#held.has(piece)) this.picker.open(piece);
    this.#verifiable = Math.max(this.#verifiable, count);
  }

  /** Another link has a piece. */
  offered(link: Link, piece: number): void {
    this.picker.adjust(piece, 1);
    if (!link.remote) this.leases.noteLocal(piece, 1);
    // It may have been asked for of another link that is gone by now.
    if (!this.#held.has(piece)) link.exhaustedAt = NEVER;
  }

  /** A link is gone, and what it had. */
  left(link: Link): void {
    this.release(link);
    for (const piece of link.have) {
      this.picker.adjust(piece, -1);
      if (!link.remote) this.leases.noteLocal(piece, -1);
    }
  }

  setReading(pieces: readonly number[]): void {
    this.#reading = pieces;
  }

  /** What could not be asked may be asked now. */
  lookAgain(): void {
    this.#version++;
  }

  /** Requests worth at most the budget, one block a link and turn, so that links share it evenly. */
  request(links: readonly Link[], budget: Budget, now: number): SwarmEffect[] {
    const effects: SwarmEffect[] = [];
    const inTurn = turns(links, this.#turn++);
    this.#mostBlockBytes = budget.blockBytes ?? Number.POSITIVE_INFINITY;
    this.#mostRemoteBlockBytes = budget.remoteBlockBytes ?? this.#mostBlockBytes;
    this.#aheadMs = budget.aheadMs;
    let left = budget.bytes;
    let remoteLeft = budget.remoteBytes ?? Number.POSITIVE_INFINITY;
    const mayAsk = (link: Link): boolean => left > 0 && this.#mayAsk(link, now) && (!link.remote || remoteLeft > 0);
    const ask = (link: Link, block: Block): void => {
      noteAsked(link, block, now);
      effects.push({ type: 'request', link: link.link, ...block });
      left -= block.length;
      if (link.remote) remoteLeft -= block.length;
    };
    this.#askForReaders({ count: links.length, inTurn, mayAsk, ask }, now);
    for (let asked = true; asked && left > 0; ) {
      asked = false;
      for (let index = 0; index < links.length && left > 0; index++) {
        const link = inTurn(index);
        if (!mayAsk(link)) continue;
        const block = this.#nextBlock(link, now);
        if (block === undefined) {
          link.exhaustedAt = this.#version;
          continue;
        }
        ask(link, block);
        asked = true;
      }
    }
    this.#askLeases(links, now, effects);
    return effects;
  }

  /**
   * The pieces that are waited for, before all turns: under a cap a seeder, which stands first, would else be asked for
   * other pieces until it has no more, while one that another peer has begun stands still.
   */
  #askForReaders(round: Round, now: number): void {
    for (const piece of this.#reading) {
      const { link, active } = this.#forReader(piece, round, now) ?? {};
      while (link !== undefined && active !== undefined && active.unaskedCount > 0 && round.mayAsk(link))
        round.ask(link, this.#ask(active, unaskedBlock(active), link) as Block);
    }
  }

  #forReader(piece: number, round: Round, now: number): { link: Link; active: ActivePiece } | undefined {
    const begun = this.#active.get(piece);
    const owner = begun?.owner === undefined ? undefined : this.#links.get(begun.owner);
    if (begun !== undefined && owner !== undefined) return { link: owner, active: begun };
    if (begun === undefined && (!this.picker.isOpen(piece) || this.#active.size >= this.#maxActive)) return undefined;
    for (let index = 0; index < round.count; index++) {
      const link = round.inTurn(index);
      if (!round.mayAsk(link) || !this.#mayFetch(link, piece, now)) continue;
      if ((begun?.blockBytes ?? 0) > link.blockBytes) continue;
      const active = begun ?? this.#begin(piece, link);
      active.owner = link.link;
      return { link, active };
    }
    return undefined;
  }

  #mayAsk(link: Link, now: number): boolean {
    return link.exhaustedAt !== this.#version && !link.choked && link.busyUntil <= now && hasRoom(link, this.#aheadMs);
  }

  /** Pieces of other zones that nobody here has. */
  #askLeases(links: readonly Link[], now: number, effects: SwarmEffect[]): void {
    const room = this.leases.room(now);
    if (room === undefined || !links.some(({ remote }) => remote)) return;
    const inTurn = turns(links, this.#turn);
    const wanted: number[] = [];
    const shown: number[] = [];
    const suits = (piece: number): boolean =>
      this.leases.isWanted(piece, now) && !wanted.includes(piece) && !shown.includes(piece);
    for (let index = 0; index < links.length; index++) {
      const link = inTurn(index);
      if (!link.remote || link.choked || !hasRoom(link, this.#aheadMs)) continue;
      if (!link.remoteIsSeeder && (wanted.length >= room || link.busyUntil > now)) continue;
      const piece = this.#abandonedBy(link, suits) ?? this.#pickToLease(link, suits);
      if (piece !== undefined) (link.remoteIsSeeder ? shown : wanted).push(piece);
    }
    const ask = this.leases.ask({ wanted, shown }, now);
    if (ask !== undefined) effects.push({ type: 'askLeases', ...ask });
  }

  /** The rarest pieces are with one host each: if all zones leased those, all would stand in line there. */
  #pickToLease(link: Link, suits: (piece: number) => boolean): number | undefined {
    return link.remoteIsSeeder ? this.picker.pick(link.have, suits) : this.picker.pickAny(link.have, suits);
  }

  /** A piece that was begun and cannot be gone on with where it was. */
  #abandonedBy(link: Link, suits: (piece: number) => boolean): number | undefined {
    for (const { piece, owner, unaskedCount } of this.#active.values())
      if (owner === undefined && unaskedCount > 0 && link.have.has(piece) && suits(piece)) return piece;
    return undefined;
  }

  /** Whether this link's block may still be stored: the shell asks before it takes the bytes in. */
  wants(link: Link, block: Block): boolean {
    const active = this.#active.get(block.piece);
    if (active === undefined || active.verifying) return false;
    const index = blockIndex(active, block);
    return index !== undefined && active.received[index] === false && askersOf(active, index).includes(link.link);
  }

  leased(granted: readonly number[], refused: readonly number[], now: number): void {
    this.leases.answered(granted, refused, now);
    this.#version++;
  }

  /** A block is there; whoever else was asked for it is told not to send it. */
  received(link: Link, block: Block, now: number): SwarmEffect[] {
    noteReceived(link, block, now);
    this.leases.progressed(block.piece, now);
    forgetAsked(link, block);
    const active = this.#active.get(block.piece);
    const index = active === undefined ? undefined : blockIndex(active, block);
    if (active === undefined || index === undefined || active.received[index] !== false) return [];
    const others = noteBlock(active, index, link.link);
    active.authors.add(link.peer);
    const { piece, offset, length } = block;
    const effects: SwarmEffect[] = others.map((other) => ({ type: 'cancel', link: other, piece, offset, length }));
    for (const other of others) forgiveAsked(this.#links.get(other) as Link, block);
    if (active.receivedCount === active.received.length) {
      active.verifying = true;
      effects.push({ type: 'verify', piece });
    }
    return effects;
  }

  /** It does not have the piece, or as many wait there as it can serve soon. False: nobody had asked. */
  rejected(link: Link, block: Block, now: number): boolean {
    if (!forgetAsked(link, block)) return false;
    link.busyUntil = now + BUSY_MS;
    this.#version++;
    const active = this.#active.get(block.piece);
    const index = active === undefined ? undefined : blockIndex(active, block);
    if (active === undefined || index === undefined) return true;
    releaseBlock(active, index, link.link);
    // Other blocks of the piece may have been taken on, and then the piece stays with this link.
    if (!isAsked(active, link.link)) this.#release(active, link.link);
    return true;
  }

  /** The result of a hash; returns who sent the piece when it was bad. */
  verified(piece: number, ok: boolean, now: number): PeerId[] {
    const active = this.#active.get(piece);
    if (!ok || this.#active.size >= this.#maxActive) this.#version++;
    this.#active.delete(piece);
    if (ok) {
      this.leases.verified(piece, now);
      this.#held.add(piece);
      this.picker.close(piece);
      return [];
    }
    this.picker.open(piece);
    return active === undefined ? [] : [...active.authors];
  }

  /** Gives back all that was asked of a link. */
  release(link: Link): void {
    this.#version++;
    for (const active of this.#active.values()) this.#release(active, link.link);
    for (const block of [...link.asked.values()]) forgiveAsked(link, block);
  }

  /** Every piece that is missing is under way. */
  get inEndgame(): boolean {
    return this.#active.size > 0 && this.picker.openCount === 0 && this.#verifiable === this.#held.length;
  }

  #release(active: ActivePiece, link: LinkId): void {
    releaseLink(active, link);
    if (active.receivedCount > 0 || active.verifying || active.unaskedCount < active.received.length) return;
    this.#active.delete(active.piece);
    this.picker.open(active.piece);
  }

  #nextBlock(link: Link, now: number): Block | undefined {
    const active = this.#ownPiece(link) ?? this.#abandonedPiece(link, now) ?? this.#newPiece(link, now);
    if (active !== undefined) return this.#ask(active, unaskedBlock(active), link);
    // Only an idle link doubles up, and only what is late, so that few blocks come twice.
    if (link.asked.size > 0 || !this.inEndgame) return undefined;
    const isLate = (asker: LinkId, block: Block): boolean => {
      const asked = this.#links.get(asker)?.asked.get(blockKey(block));
      return asked !== undefined && now - asked.askedAt >= LATE_MS;
    };
    for (const slow of this.#active.values()) {
      if (!this.#mayFetch(link, slow.piece, now) || slow.blockBytes > link.blockBytes) continue;
      const index = lateBlock(slow, link.link, isLate);
      if (index !== undefined) return this.#ask(slow, index, link);
    }
    return undefined;
  }

  #ask(active: ActivePiece, index: number | undefined, link: Link): Block | undefined {
    if (index === undefined) return undefined;
    noteAsker(active, index, link.link);
    return blockAt(active, index);
  }

  #ownPiece(link: Link): ActivePiece | undefined {
    for (const active of this.#active.values())
      if (active.owner === link.link && active.unaskedCount > 0) return active;
    return undefined;
  }

  #mayFetch(link: Link, piece: number, now: number): boolean {
    return link.have.has(piece) && (!link.remote || this.leases.allows(piece, now));
  }

  #abandonedPiece(link: Link, now: number): ActivePiece | undefined {
    for (const active of this.#active.values()) {
      if (active.owner !== undefined || active.unaskedCount === 0 || !this.#mayFetch(link, active.piece, now)) continue;
      if (active.blockBytes > link.blockBytes) continue;
      active.owner = link.link;
      return active;
    }
    return undefined;
  }

  /**
   * Somebody reads the blob while it comes: every second piece is of those that come next there. The rest stays with the
   * rarest, or hosts that read side by side would all ask for the same pieces.
   */
  #pickForReader(link: Link): number | undefined {
    if (this.#reading.length === 0 || this.#readAhead++ % 2 === 0) return undefined;
    let best: number | undefined;
    for (const first of this.#reading)
      for (let piece = first + 1; piece <= first + READ_AHEAD_PIECES; piece++) {
        if (!this.picker.isOpen(piece) || !link.have.has(piece)) continue;
        if (best === undefined || this.picker.availabilityOf(piece) < this.picker.availabilityOf(best)) best = piece;
      }
    return best;
  }

  #newPiece(link: Link, now: number): ActivePiece | undefined {
    if (this.#active.size >= this.#maxActive) return undefined;
    const isLeased = link.remote && !this.leases.trackerIsAway(now);
    const piece = isLeased
      ? this.leases.oldest((leased) => this.picker.isOpen(leased) && link.have.has(leased))
      : (this.#pickForReader(link) ?? this.picker.pick(link.have));
    if (piece === undefined) return undefined;
    const active = this.#begin(piece, link);
    active.owner = link.link;
    return active;
  }

  #begin(piece: number, link: Link): ActivePiece {
    this.picker.close(piece);
    const { size, pieceLength } = this.#options;
    const active = startPiece(
      piece,
      pieceSize(piece, size, pieceLength),
      Math.min(link.blockBytes, link.remote ? this.#mostRemoteBlockBytes : this.#mostBlockBytes),
    );
    this.#active.set(piece, active);
    return active;
  }
}

/** The links in the order of this turn: seeders stand first and stay first, the others take turns. */
function turns(links: readonly Link[], turn: number): (index: number) => Link {
  let seeders = 0;
  while (links[seeders]?.remoteIsSeeder) seeders++;
  const others = links.length - seeders;
  return (index) => links[index < seeders ? index : seeders + ((turn + index) % others)] as Link;
}
