/**
 * One link of a swarm and its pipeline: what was asked, how fast it answers, when it has gone
 * silent. Requests are pipelined by time, so that 1 Mbit/s and 10 Gbit/s both run full.
 */
import type { Block, LinkInfo } from './events.ts';
import { PieceSet } from './piece-set.ts';

export interface AskedBlock extends Block {
  askedAt: number;
}

export interface Link extends LinkInfo {
  /** What the remote has announced. */
  readonly have: PieceSet;
  /** Blocks asked for and not yet answered, by `blockKey`. */
  readonly asked: Map<number, AskedBlock>;
  askedBytes: number;
  bytesPerSecond: number;
  lastBlockAt: number;
  measuredFrom: number;
  measuredBytes: number;
  /** The link in the other direction between the same two, if there is one. */
  twin: Link | undefined;
  /** The version of the downloads at which nothing of what it has could be asked. */
  exhaustedAt: number;
  /** Blocks that were asked for and given up: they may still come. */
  readonly forgiven: Set<number>;
  /** Went silent: one block at a time until it answers again. */
  snubbed: boolean;
  /** It had no room for us: not asked again before. */
  busyUntil: number;
  /** The last piece that it has announced, if it can be asked for hashes; else -1. */
  topPiece: number;
  hashesAskedAt: number;
  /** Asks for hashes since the last one that it answered. */
  hashAsksFailed: number;
}

export const NEVER = -1;

/** How much of its own rate is asked ahead. */
const PIPELINE_MS = 300;
/** A foreign client may look at its requests only twice a second: with less asked ahead it would stay slow for ever. */
const FOREIGN_PIPELINE_MS = 3000;
const MAX_PIPELINE_BYTES = 32 * 1024 * 1024;
const MEASURE_MS = 200;
/** Without a block for so long a link is given one more chance, then closed. */
export const SILENT_MS = 5000;
const SNUBBED_SILENT_MS = 20_000;
/** Blocks that may still come although they are not awaited any more. */
const FORGIVEN_KEPT = 4096;

/** Field by field, those that are looked at most together: a large simulation waits for memory before all else. */
export function createLink(info: LinkInfo, pieceCount: number, now: number): Link {
  return {
    link: info.link,
    have: new PieceSet(pieceCount),
    canRequest: info.canRequest,
    remote: info.remote,
    exhaustedAt: NEVER,
    choked: info.choked,
    busyUntil: 0,
    snubbed: false,
    asked: new Map(),
    maxRequests: info.maxRequests,
    bytesPerSecond: 0,
    askedBytes: 0,
    blockBytes: info.blockBytes,
    firstBytes: info.firstBytes,
    remoteIsSeeder: info.remoteIsSeeder,
    twin: undefined,
    canServe: info.canServe,
    peer: info.peer,
    lastBlockAt: now,
    measuredFrom: now,
    measuredBytes: 0,
    forgiven: new Set(),
    tellsHashes: info.tellsHashes,
    topPiece: -1,
    hashesAskedAt: NEVER,
    hashAsksFailed: 0,
  };
}

/** One number a block: no piece is longer than 8 MiB. */
const KEY_STRIDE = 2 ** 23;

export function blockKey(block: Block): number {
  return block.piece * KEY_STRIDE + block.offset;
}

export function noteAsked(link: Link, block: Block, now: number): void {
  if (link.asked.size === 0) link.lastBlockAt = now;
  const { piece, offset, length } = block;
  const key = blockKey(block);
  if (!link.asked.has(key)) link.askedBytes += length;
  link.asked.set(key, { piece, offset, length, askedAt: now });
}

/** False when the link had not asked for it (any more). */
export function forgetAsked(link: Link, block: Block): boolean {
  if (!link.asked.delete(blockKey(block))) return false;
  link.askedBytes -= block.length;
  return true;
}

/** Gives up a block that was asked for; it may come all the same. */
export function forgiveAsked(link: Link, block: Block): void {
  if (forgetAsked(link, block) && link.forgiven.size < FORGIVEN_KEPT) link.forgiven.add(blockKey(block));
}

/** Whether a block that arrives was ever asked for, with this length. A forgiven one may come once. */
export function isExpected(link: Link, block: Block): boolean {
  const key = blockKey(block);
  const asked = link.asked.get(key);
  if (asked === undefined) return link.forgiven.delete(key);
  return asked.piece === block.piece && asked.length === block.length;
}

export function noteReceived(link: Link, block: Block, now: number): void {
  link.lastBlockAt = now;
  link.snubbed = false;
  link.measuredBytes += block.length;
  const elapsedMs = now - link.measuredFrom;
  if (elapsedMs < MEASURE_MS) return;
  const sample = (link.measuredBytes * 1000) / elapsedMs;
  link.bytesPerSecond = link.bytesPerSecond === 0 ? sample : link.bytesPerSecond * 0.6 + sample * 0.4;
  link.measuredFrom = now;
  link.measuredBytes = 0;
}

/** True while one more block may be asked for: by the time the queue takes, at least two blocks. */
export function hasRoom(link: Link, pipelineMs = PIPELINE_MS): boolean {
  if (link.snubbed) return link.asked.size === 0;
  const { asked, maxRequests } = link;
  if (maxRequests !== undefined && asked.size >= maxRequests) return false;
  const aheadMs = maxRequests === undefined ? pipelineMs : FOREIGN_PIPELINE_MS;
  const target = Math.min(MAX_PIPELINE_BYTES, aheadBytes(link, aheadMs));
  return link.askedBytes < Math.max(target, 2 * link.blockBytes);
}

function aheadBytes({ bytesPerSecond, firstBytes = 0 }: Link, aheadMs: number): number {
  return bytesPerSecond === 0 ? firstBytes : (bytesPerSecond * aheadMs) / 1000;
}

/** When an unanswered link counts as silent; undefined while it owes nothing. */
export function silentAt(link: Link): number | undefined {
  if (link.asked.size === 0) return undefined;
  const expectedMs = link.bytesPerSecond === 0 ? 0 : (4000 * link.blockBytes) / link.bytesPerSecond;
  return link.lastBlockAt + Math.max(link.snubbed ? SNUBBED_SILENT_MS : SILENT_MS, expectedMs);
}
