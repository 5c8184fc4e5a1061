/**
 * Piece hashes without the tracker: when to ask a peer for those that are missing, and whom; what may be told to a peer
 * that asks. While the tracker sends hashes nobody asks, so nothing goes over the wire twice. Knows which hashes can be
 * shown to be a seeder's, not the hashes; what a run says and whether it holds is the shell's.
 */
import type { LinkId, SwarmEffect } from './events.ts';
import type { Link } from './links.ts';
import { PieceSet } from './piece-set.ts';

export interface HashAsksOptions {
  held: PieceSet;
  /** A seeder signs what it knows; others pass on what seeders have signed. */
  signs: boolean;
}

/** The tracker has so long for a piece that is out, */
const PATIENCE_MS = 500;
/** and so long since its last word: to thousands of hosts it sends hashes once a second. */
const SILENCE_MS = 1500;
/** Who does not answer for so long has none, or is gone: another is asked. */
const ANSWER_MS = 1000;

const NOTHING: readonly SwarmEffect[] = [];

export class HashAsks {
  readonly #options: HashAsksOptions;
  readonly #pieces: number;
  #known = 0;
  /** The last piece that a peer has announced who can be asked. */
  #top = -1;
  /** Since when nothing has come while pieces without a hash were out. */
  #waitingSince: number | undefined;
  /** When the tracker said something last. */
  #heardAt = 0;
  /** The tracker has let us wait; until it sends something, hashes are asked for as soon as they are missing. */
  #trackerIsAway = false;
  #asked: { link: Link; at: number } | undefined;
  #asks = 0;
  /** Pieces whose hash can be shown to be a seeder's. Made when there is one. */
  #proven: PieceSet | undefined;
  /** Peers that want hashes from this piece on, which we have not or cannot prove. */
  readonly #owed = new Map<Link, number>();

  constructor(options: HashAsksOptions) {
    this.#options = options;
    this.#pieces = options.held.length;
  }

  /** So many are known now. A tracker that is back says what peers were quicker to tell: it counts all the same. */
  known(count: number, from: 'tracker' | 'elsewhere', now: number): void {
    if (count <= this.#known && from === 'elsewhere') return;
    this.#known = Math.max(this.#known, count);
    if (from === 'tracker') {
      this.#trackerIsAway = false;
      this.#heardAt = now;
    }
    this.#waitingSince = this.#top >= this.#known ? now : undefined;
  }

  /** A peer that we may ask for pieces has one. */
  announced(link: Link, piece: number, now: number): void {
    if (!link.tellsHashes || piece <= link.topPiece) return;
    link.topPiece = piece;
    this.#top = Math.max(this.#top, piece);
    if (piece >= this.#known) this.#waitingSince ??= now;
  }

  left(link: Link): void {
    this.#owed.delete(link);
    if (this.#asked?.link === link) this.#asked = undefined;
  }

  /** A peer asks for hashes from this piece on. What cannot be told now is got for it, if anybody here has it. */
  askedBy(link: Link, first: number): readonly SwarmEffect[] {
    if (first >= this.#pieces) return NOTHING;
    if (this.#canTell(first)) return [tell(link, first)];
    this.#owed.set(link, first);
    return NOTHING;
  }

  /** A peer told hashes that a seeder has signed. */
  toldBy(link: Link, runs: readonly { first: number; count: number }[]): void {
    link.hashAsksFailed = 0;
    if (this.#asked?.link === link) this.#asked = undefined;
    this.#proven ??= new PieceSet(this.#pieces);
    for (const { first, count } of runs)
      for (let piece = first; piece < first + count; piece++) this.#proven.add(piece);
  }

  /** What is to be said now: hashes that others wait for, and a question of our own. */
  look(links: readonly Link[], now: number): readonly SwarmEffect[] {
    if (this.#waitingSince === undefined && this.#owed.size === 0) {
      this.#asked = undefined;
      return NOTHING;
    }
    const told: SwarmEffect[] = [];
    for (const [link, first] of this.#owed) {
      if (!this.#canTell(first)) continue;
      this.#owed.delete(link);
      told.push(tell(link, first));
    }
    const ask = this.#ask(links, now);
    return ask === undefined ? told : [...told, ask];
  }

  /** When the next look changes something; undefined: not before something happens. */
  dueAt(): number | undefined {
    if (this.#asked !== undefined) return this.#asked.at + ANSWER_MS;
    return this.#trackerIsAway || this.#waitingSince === undefined ? undefined : this.#patientUntil(this.#waitingSince);
  }

  #ask(links: readonly Link[], now: number): SwarmEffect | undefined {
    const first = this.#wantedFrom(now);
    if (this.#asked !== undefined && first !== undefined) {
      if (now < this.#asked.at + ANSWER_MS) return undefined;
      this.#asked.link.hashAsksFailed++;
    }
    this.#asked = undefined;
    const link = first === undefined ? undefined : this.#whom(links, first);
    if (link === undefined || first === undefined) return undefined;
    link.hashesAskedAt = now;
    this.#asked = { link, at: now };
    this.#asks++;
    return { type: 'askHashes', link: link.link, first };
  }

  #patientUntil(since: number): number {
    return Math.max(since + PATIENCE_MS, this.#heardAt + SILENCE_MS);
  }

  /** Own wants and those of peers in turn: what nobody can prove must not hold up the rest. */
  #wantedFrom(now: number): number | undefined {
    const since = this.#waitingSince;
    if (since !== undefined && now >= this.#patientUntil(since)) this.#trackerIsAway = true;
    const own = since !== undefined && this.#trackerIsAway ? this.#known : undefined;
    // A peer that asks has been patient already.
    const owed = this.#owed.size === 0 ? undefined : Math.min(...this.#owed.values());
    return this.#asks % 2 === 0 ? (own ?? owed) : (owed ?? own);
  }

  /**
   * Who has a piece from there on has its hash. First who answered so far, then who was asked longest ago: seeders stand
   * first among the links, and they can prove what others may only know.
   */
  #whom(links: readonly Link[], first: number): Link | undefined {
    let best: Link | undefined;
    for (const link of links) {
      if (link.topPiece < first || (link.twin !== undefined && this.#owed.has(link.twin))) continue;
      const order =
        best === undefined ? -1 : link.hashAsksFailed - best.hashAsksFailed || link.hashesAskedAt - best.hashesAskedAt;
      if (order < 0) best = link;
    }
    return best;
  }

  #canTell(piece: number): boolean {
    if (this.#options.signs && (piece < this.#known || this.#options.held.has(piece))) return true;
    return this.#proven?.has(piece) === true;
  }
}

function tell({ link }: { link: LinkId }, first: number): SwarmEffect {
  return { type: 'tellHashes', link, first };
}
