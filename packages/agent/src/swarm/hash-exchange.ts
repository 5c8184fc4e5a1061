/**
 * Piece hashes from peer to peer, in bytes: checks the runs that peers tell, keeps them to pass them on, and signs what a
 * seeder is asked for. Whom to ask, and when to tell, the state machine decides. What the tracker says goes before: runs
 * that contradict it are passed over, and its hashes replace a blob that was begun with others.
 */
import type { KeyObject } from 'node:crypto';
import { PieceSet } from '@shoal/swarm';
import {
  HASH_BYTES,
  type HashRun,
  MAX_RUN_HASHES,
  MAX_RUNS,
  seederKeyOf,
  signHashRun,
  verifyHashRun,
} from '@shoal/wire';
import type { BlobFile } from '../store/blob-file.ts';

export interface HashExchangeOptions {
  swarmId: string;
  blob: Pick<BlobFile, 'hashes' | 'hashCount' | 'held' | 'addHashes' | 'contradicts'>;
  /** Our own latest one. */
  ticket(): string;
  privateKey: KeyObject;
  trackerKey(): KeyObject;
  /** Since the epoch. */
  nowSeconds(): number;
}

/** A run without its hashes: the blob has them. */
interface KeptRun extends Omit<HashRun, 'hashes'> {
  end: number;
}

/** `passed over`: nothing new, or not to be used, and nobody's fault. */
type RunVerdict = 'told' | 'passed over' | 'forged';

export interface Taken {
  runs: { first: number; count: number }[];
  /** No seeder has signed it, or nobody asked for it: who passed it on has not looked, or lies. */
  forged: boolean;
}

/** Tickets that were seen to hold: of the seeders of a swarm, each renewed once in half an hour. */
const MAX_TICKETS = 64;
/** A peer that is told all hashes so often asks without end. */
const MAX_TIMES_TOLD = 8;
const LEAST_MAX_TOLD = 8 * MAX_RUN_HASHES;

export class HashExchange {
  readonly #options: HashExchangeOptions;
  readonly #kept: KeptRun[] = [];
  readonly #proven: PieceSet;
  readonly #seeders = new Map<string, KeyObject>();
  /** Of pieces read here behind a gap, which the blob does not keep. */
  readonly #ahead = new Map<number, Uint8Array>();
  readonly #toldTo = new WeakMap<object, number>();
  /** Answers that may still come. */
  readonly #askedOf = new WeakMap<object, number>();
  #signed: HashRun | undefined;
  #ownTicket = { text: '', signs: false };

  constructor(options: HashExchangeOptions) {
    this.#options = options;
    this.#proven = new PieceSet(options.blob.held.length);
  }

  /** The seeder has read a piece. */
  read(piece: number, hash: Uint8Array): void {
    if (piece >= this.#options.blob.hashCount) this.#ahead.set(piece, hash);
    this.closeGaps();
  }

  /** To be called when hashes came from elsewhere. */
  closeGaps(): void {
    const { blob } = this.#options;
    for (;;) {
      const hash = this.#ahead.get(blob.hashCount);
      if (hash === undefined) break;
      blob.addHashes(blob.hashCount, hash);
    }
    for (const piece of this.#ahead.keys()) if (piece < blob.hashCount) this.#ahead.delete(piece);
  }

  /** The peer was asked: it may answer once. */
  asked(peer: object): void {
    this.#askedOf.set(peer, (this.#askedOf.get(peer) ?? 0) + 1);
  }

  /** What a peer told, up to the first run that is forged: the runs that say something. */
  takeAll(peer: object, runs: readonly HashRun[]): Taken {
    const asked = this.#askedOf.get(peer) ?? 0;
    if (asked === 0) return { runs: [], forged: true };
    this.#askedOf.set(peer, asked - 1);
    const taken: Taken = { runs: [], forged: false };
    for (const run of runs) {
      const verdict = this.#take(run);
      if (verdict === 'told') taken.runs.push({ first: run.first, count: run.hashes.length / HASH_BYTES });
      taken.forged = verdict === 'forged';
      if (taken.forged) break;
    }
    return taken;
  }

  /** What this peer may be told from the piece on; undefined: it asks without end. */
  tell(peer: object, first: number): HashRun[] | undefined {
    const runs = this.#signs() ? this.#sign(first) : this.#keptFrom(first);
    const told = (this.#toldTo.get(peer) ?? 0) + runs.reduce((sum, { hashes }) => sum + hashes.length / HASH_BYTES, 0);
    this.#toldTo.set(peer, told);
    return told > Math.max(LEAST_MAX_TOLD, MAX_TIMES_TOLD * this.#proven.length) ? undefined : runs;
  }

  #take(run: HashRun): RunVerdict {
    const { swarmId, blob } = this.#options;
    const { first, hashes, signature, ticket } = run;
    const end = first + hashes.length / HASH_BYTES;
    if (end > blob.held.length) return 'forged';
    if (first > blob.hashCount || this.#isProven(first, end)) return 'passed over';
    const key = this.#seederKey(ticket);
    if (typeof key === 'string') return key;
    if (!verifyHashRun(run, swarmId, key)) return 'forged';
    if (blob.contradicts(first, hashes)) return 'passed over';
    blob.addHashes(first, hashes);
    this.closeGaps();
    for (let piece = first; piece < end; piece++) this.#proven.add(piece);
    this.#kept.push({ first, end, signature: Buffer.from(signature), ticket });
    return 'told';
  }

  #isProven(first: number, end: number): boolean {
    for (let piece = first; piece < end; piece++) if (!this.#proven.has(piece)) return false;
    return true;
  }

  /** As with links: a ticket counts when it holds as it is seen first, and from then on. */
  #seederKey(ticket: string): KeyObject | Exclude<RunVerdict, 'told'> {
    const known = this.#seeders.get(ticket);
    if (known !== undefined) return known;
    const { swarmId, trackerKey, nowSeconds } = this.#options;
    const result = seederKeyOf(ticket, trackerKey(), { swarm: swarmId, nowSeconds: nowSeconds() });
    if (!result.ok) return result.reason === 'expired' ? 'passed over' : 'forged';
    const [oldest] = this.#seeders.keys();
    if (this.#seeders.size >= MAX_TICKETS && oldest !== undefined) this.#seeders.delete(oldest);
    this.#seeders.set(ticket, result.key);
    return result.key;
  }

  /** Whether our own ticket is a seeder's. That it has expired is for others to judge. */
  #signs(): boolean {
    const { swarmId, ticket, trackerKey } = this.#options;
    const text = ticket();
    if (this.#ownTicket.text !== text) {
      const { ok } = seederKeyOf(text, trackerKey(), { swarm: swarmId, nowSeconds: 0 });
      this.#ownTicket = { text, signs: ok };
    }
    return this.#ownTicket.signs;
  }

  /** Many ask for the same at the same time: the last signature is kept. */
  #sign(first: number): HashRun[] {
    const hashes = this.#hashesFrom(first);
    if (hashes.length === 0) return [];
    const { swarmId, ticket, privateKey } = this.#options;
    const before = this.#signed;
    if (before?.first === first && before.ticket === ticket() && hashes.equals(before.hashes)) return [before];
    const signature = signHashRun({ swarm: swarmId, first, hashes }, privateKey);
    this.#signed = { first, hashes, signature, ticket: ticket() };
    return [this.#signed];
  }

  #hashesFrom(first: number): Buffer {
    const { hashes, hashCount } = this.#options.blob;
    const end = first + MAX_RUN_HASHES;
    const found: Uint8Array[] = [hashes.subarray(first * HASH_BYTES, end * HASH_BYTES)];
    for (let piece = Math.max(first, hashCount); piece < end; piece++) {
      const hash = this.#ahead.get(piece);
      if (hash === undefined) break;
      found.push(hash);
    }
    return Buffer.concat(found);
  }

  #keptFrom(first: number): HashRun[] {
    const runs: HashRun[] = [];
    for (let at = first; runs.length < MAX_RUNS; ) {
      let next: KeptRun | undefined;
      for (const run of this.#kept)
        if (run.first <= at && run.end > at && (next === undefined || run.end > next.end)) next = run;
      if (next === undefined) break;
      const { end, ...run } = next;
      runs.push({ ...run, hashes: this.#options.blob.hashes.subarray(run.first * HASH_BYTES, end * HASH_BYTES) });
      at = end;
    }
    return runs;
  }
}
