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
  /** Links that have asked for a block and not got it: usually none or one, two in endgame. */
  readonly askers: (readonly LinkId[])[];
  readonly received: boolean[];
  receivedCount: number;
  /** Blocks that are neither there nor asked for. */
  unaskedCount: number;
  owner: LinkId | undefined;
  readonly authors: Set<PeerId>;
  verifying: boolean;
}

const NOBODY: readonly LinkId[] = [];

export function startPiece(piece: number, size: number, blockBytes: number): ActivePiece {
  const blocks = Math.ceil(size / blockBytes);
  return {
    piece,
    size,
    blockBytes,
    askers: new Array<readonly LinkId[]>(blocks).fill(NOBODY),
    received: new Array<boolean>(blocks).fill(false),
    receivedCount: 0,
    unaskedCount: blocks,
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
  return Math.min(active.blockBytes, active.size - block.offset) === block.length ? index : undefined;
}

/** First block nobody has been asked for. */
export function unaskedBlock(active: ActivePiece): number | undefined {
  if (active.unaskedCount === 0) return undefined;
  for (let index = 0; index < active.received.length; index++)
    if (active.received[index] === false && active.askers[index] === NOBODY) return index;
  return undefined;
}

export function askersOf(active: ActivePiece, index: number): readonly LinkId[] {
  return active.askers[index] ?? NOBODY;
}

export function noteAsker(active: ActivePiece, index: number, link: LinkId): void {
  const before = askersOf(active, index);
  if (before === NOBODY) active.unaskedCount--;
  active.askers[index] = [...before, link];
}

/** The block came, from a link that was asked; returns the others that were. */
export function noteBlock(active: ActivePiece, index: number, link: LinkId): readonly LinkId[] {
  const others = askersOf(active, index).filter((other) => other !== link);
  active.received[index] = true;
  active.receivedCount++;
  active.askers[index] = NOBODY;
  return others;
}

/** For endgame: a block that one other link was asked for and is late with; last first. */
export function lateBlock(
  active: ActivePiece,
  link: LinkId,
  isLate: (asker: LinkId, block: Block) => boolean,
): number | undefined {
  if (active.verifying) return undefined;
  for (let index = active.askers.length - 1; index >= 0; index--) {
    const [asker, ...others] = askersOf(active, index);
    if (active.received[index] !== false || asker === undefined || asker === link || others.length > 0) continue;
    if (isLate(asker, blockAt(active, index))) return index;
  }
  return undefined;
}

/** Forgets what `link` was asked for; the piece may then be taken over by another. */
export function releaseLink(active: ActivePiece, link: LinkId): void {
  for (let index = 0; index < active.askers.length; index++) releaseBlock(active, index, link);
  if (active.owner === link) active.owner = undefined;
}

/** Forgets that `link` was asked for one block. */
export function releaseBlock(active: ActivePiece, index: number, link: LinkId): void {
  const before = askersOf(active, index);
  if (!before.includes(link)) return;
  active.askers[index] = before.length === 1 ? NOBODY : before.filter((other) => other !== link);
  if (before.length === 1) active.unaskedCount++;
}

export function isAsked(active: ActivePiece, link: LinkId): boolean {
  return active.askers.some((askers) => askers.includes(link));
}
