/**
 * Pieces being received: which of their blocks are missing, asked for or there, and who sent them.
 * One owner a piece outside endgame, so that a bad piece has one author. Decides nothing about
 * which piece or peer; only which block of a piece is next.
 */
import type { Block, LinkId, PeerId } from './events.ts';

export interface ActivePiece {
  readonly piece: number;
  readonly size: number;
  /** Fixed at the start; every block but the last has this length. */
  readonly blockBytes: number;
  /** Links that have asked for a block and not got it: usually none or one. */
  readonly askers: Set<LinkId>[];
  readonly received: boolean[];
  receivedCount: number;
  owner: LinkId | undefined;
  readonly authors: Set<PeerId>;
  verifying: boolean;
}

export function startPiece(piece: number, size: number, blockBytes: number): ActivePiece {
  const blocks = Math.ceil(size / blockBytes);
  return {
    piece,
    size,
    blockBytes,
    askers: Array.from({ length: blocks }, () => new Set<LinkId>()),
    received: new Array<boolean>(blocks).fill(false),
    receivedCount: 0,
    owner: undefined,
    authors: new Set(),
    verifying: false,
  };
}

export function blockAt(active: ActivePiece, index: number): Block {
  const offset = index * active.blockBytes;
  return { piece: active.piece, offset, length: Math.min(active.blockBytes, active.size - offset) };
}

/** The index of a block that fits this piece's grid, or undefined. */
export function blockIndex(active: ActivePiece, block: Block): number | undefined {
  const index = block.offset / active.blockBytes;
  if (!Number.isInteger(index) || index >= active.received.length) return undefined;
  return blockAt(active, index).length === block.length ? index : undefined;
}

/** First block nobody has been asked for. */
export function unaskedBlock(active: ActivePiece): number | undefined {
  if (active.verifying) return undefined;
  const index = active.askers.findIndex((askers, at) => askers.size === 0 && active.received[at] === false);
  return index < 0 ? undefined : index;
}

/** For endgame: a block that one other link was asked for and is late with; last first. */
export function lateBlock(
  active: ActivePiece,
  link: LinkId,
  isLate: (asker: LinkId, block: Block) => boolean,
): number | undefined {
  if (active.verifying) return undefined;
  for (let index = active.askers.length - 1; index >= 0; index--) {
    const [asker, ...others] = active.askers[index] as Set<LinkId>;
    if (active.received[index] !== false || asker === undefined || asker === link || others.length > 0) continue;
    if (isLate(asker, blockAt(active, index))) return index;
  }
  return undefined;
}

/** Forgets what `link` was asked for; the piece may then be taken over by another. */
export function releaseLink(active: ActivePiece, link: LinkId): void {
  for (const askers of active.askers) askers.delete(link);
  if (active.owner === link) active.owner = undefined;
}
