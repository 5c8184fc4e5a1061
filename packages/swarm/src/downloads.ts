/**
 * What to ask of whom: continues a link's own piece, takes over an abandoned one, starts the
 * rarest, and at the very end asks a second peer for what a first one is slow to send. Holds the
 * active pieces and the picker; knows nothing of serving, dialling or announcing.
 */
import {
  type ActivePiece,
  blockAt,
  blockIndex,
  lateBlock,
  releaseLink,
  startPiece,
  unaskedBlock,
} from './active-pieces.ts';
import type { Block, LinkId, PeerId, SwarmEffect } from './events.ts';
import { pieceSize } from './geometry.ts';
import { blockKey, forgetAsked, forgiveAsked, hasRoom, type Link, noteAsked, noteReceived } from './links.ts';
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

export class Downloads {
  readonly picker: PiecePicker;
  readonly #active = new Map<number, ActivePiece>();
  readonly #held: PieceSet;
  readonly #links: ReadonlyMap<LinkId, Link>;
  readonly #options: DownloadOptions;
  readonly #maxActive: number;
  #verifiable = 0;
  #turn = 0;

  constructor(held: PieceSet, links: ReadonlyMap<LinkId, Link>, options: DownloadOptions) {
    this.#held = held;
    this.#links = links;
    this.#options = options;
    this.picker = new PiecePicker(held.length, options.random);
    this.#maxActive = Math.max(4, Math.floor(options.activeBytes / options.pieceLength));
  }

  get verifiable(): number {
    return this.#verifiable;
  }

  hashesKnown(count: number): void {
    for (let piece = this.#verifiable; piece < count; piece++) if (!this.#held.has(piece)) this.picker.open(piece);
    this.#verifiable = Math.max(this.#verifiable, count);
  }

  /** Requests worth at most `budgetBytes`, one block a link and turn, so that links share it evenly. */
  request(links: readonly Link[], budgetBytes: number, now: number): SwarmEffect[] {
    const effects: SwarmEffect[] = [];
    let left = budgetBytes;
    let waiting = rotate(links, this.#turn++);
    while (left > 0 && waiting.length > 0) {
      const still: Link[] = [];
      for (const link of waiting) {
        if (left <= 0) break;
        if (link.exhausted || !hasRoom(link)) continue;
        const block = this.#nextBlock(link, now);
        if (block === undefined) {
          link.exhausted = true;
          continue;
        }
        noteAsked(link, block, now);
        effects.push({ type: 'request', link: link.link, ...block });
        left -= block.length;
        still.push(link);
      }
      waiting = still;
    }
    return effects;
  }

  /** Whether this link's block may still be stored: the shell asks before it takes the bytes in. */
  wants(link: Link, block: Block): boolean {
    const active = this.#active.get(block.piece);
    if (active === undefined || active.verifying) return false;
    const index = blockIndex(active, block);
    return (
      index !== undefined && active.received[index] === false && (active.askers[index] as Set<LinkId>).has(link.link)
    );
  }

  /** A block is there; whoever else was asked for it is told not to send it. */
  received(link: Link, block: Block, now: number): SwarmEffect[] {
    noteReceived(link, block, now);
    forgetAsked(link, block);
    const active = this.#active.get(block.piece);
    const index = active === undefined ? undefined : blockIndex(active, block);
    if (active === undefined || index === undefined || active.received[index] !== false) return [];
    active.received[index] = true;
    active.receivedCount++;
    active.authors.add(link.peer);
    const others = active.askers[index] as Set<LinkId>;
    others.delete(link.link);
    const effects: SwarmEffect[] = [...others].map((other) => ({ type: 'cancel', link: other, ...block }));
    for (const other of others) forgiveAsked(this.#links.get(other) as Link, block);
    others.clear();
    if (active.receivedCount === active.received.length) {
      active.verifying = true;
      effects.push({ type: 'verify', piece: block.piece });
    }
    return effects;
  }

  rejected(link: Link, block: Block): void {
    if (!forgetAsked(link, block)) return;
    const active = this.#active.get(block.piece);
    if (active !== undefined) this.#release(active, link.link);
  }

  /** The result of a hash; returns who sent the piece when it was bad. */
  verified(piece: number, ok: boolean): PeerId[] {
    const active = this.#active.get(piece);
    this.#active.delete(piece);
    if (ok) {
      this.#held.add(piece);
      this.picker.close(piece);
      return [];
    }
    this.picker.open(piece);
    return active === undefined ? [] : [...active.authors];
  }

  /** Gives back all that was asked of a link. */
  release(link: Link): void {
    for (const active of this.#active.values()) this.#release(active, link.link);
    for (const block of [...link.asked.values()]) forgiveAsked(link, block);
  }

  /** Every piece that is missing is under way. */
  get inEndgame(): boolean {
    return this.#active.size > 0 && this.picker.openCount === 0 && this.#verifiable === this.#held.length;
  }

  #release(active: ActivePiece, link: LinkId): void {
    releaseLink(active, link);
    if (active.receivedCount > 0 || active.verifying || active.askers.some((askers) => askers.size > 0)) return;
    this.#active.delete(active.piece);
    this.picker.open(active.piece);
  }

  #nextBlock(link: Link, now: number): Block | undefined {
    const active = this.#ownPiece(link) ?? this.#abandonedPiece(link) ?? this.#newPiece(link);
    if (active !== undefined) return this.#ask(active, unaskedBlock(active), link);
    // Only an idle link doubles up, and only what is late, so that few blocks come twice.
    if (link.asked.size > 0 || !this.inEndgame) return undefined;
    const isLate = (asker: LinkId, block: Block): boolean => {
      const asked = this.#links.get(asker)?.asked.get(blockKey(block));
      return asked !== undefined && now - asked.askedAt >= LATE_MS;
    };
    for (const slow of this.#active.values()) {
      if (!link.have.has(slow.piece) || slow.blockBytes > link.blockBytes) continue;
      const index = lateBlock(slow, link.link, isLate);
      if (index !== undefined) return this.#ask(slow, index, link);
    }
    return undefined;
  }

  #ask(active: ActivePiece, index: number | undefined, link: Link): Block | undefined {
    if (index === undefined) return undefined;
    (active.askers[index] as Set<LinkId>).add(link.link);
    return blockAt(active, index);
  }

  #ownPiece(link: Link): ActivePiece | undefined {
    for (const active of this.#active.values())
      if (active.owner === link.link && unaskedBlock(active) !== undefined) return active;
    return undefined;
  }

  #abandonedPiece(link: Link): ActivePiece | undefined {
    for (const active of this.#active.values()) {
      if (active.owner !== undefined || !link.have.has(active.piece) || unaskedBlock(active) === undefined) continue;
      if (active.blockBytes > link.blockBytes) continue;
      active.owner = link.link;
      return active;
    }
    return undefined;
  }

  #newPiece(link: Link): ActivePiece | undefined {
    if (this.#active.size >= this.#maxActive) return undefined;
    const piece = this.picker.pick(link.have);
    if (piece === undefined) return undefined;
    this.picker.close(piece);
    const { size, pieceLength } = this.#options;
    const active = startPiece(piece, pieceSize(piece, size, pieceLength), link.blockBytes);
    active.owner = link.link;
    this.#active.set(piece, active);
    return active;
  }
}

function rotate<T>(items: readonly T[], by: number): T[] {
  if (items.length === 0) return [];
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
