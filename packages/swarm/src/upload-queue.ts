/**
 * Who is sent the next block: few uploads at a time. One requester is served to the end of a piece
 * before the next, because a whole piece can be passed on at once and twenty begun ones cannot. A
 * request that would have to wait long is turned away, so that it is made elsewhere while this
 * queue is busy: claims that wait in long queues leave other uploaders idle. What a person waits for
 * goes before pre-warming, but for a small share. Who cannot take more at
 * the moment is passed over, so that a slow one holds nobody up. Knows nothing of caps, sockets or
 * disks.
 */
import type { Block } from './events.ts';
import { CLASSES, ClassShares, isUrgentAs, type TrafficClass } from './traffic-class.ts';

interface Line {
  class: TrafficClass;
  remote: boolean;
  blocks: Block[];
  /** Pieces among the waiting blocks. */
  turns: number;
  /** Served in its present turn, bytes. */
  servedBytes: number;
  /** The piece it was served last. */
  piece: number | undefined;
}

export interface Room {
  /** Pieces that may wait. */
  mostTurns: number;
  /** It fetches for its whole zone: served before all others. */
  remote?: boolean;
  /** What the block is for; default: `prewarm`. */
  class?: TrafficClass | undefined;
  /** Milliseconds. */
  now: number;
}

export interface Run<Requester> {
  requester: Requester;
  run: Block[];
}

interface Taking<Requester> {
  canTake: (requester: Requester) => boolean;
  maxBytes: (requester: Requester) => number;
}

/** Pieces that may wait at an uploader with a cap. */
export const TURNS_WAITING = 2;

/** A turn ends at the end of a piece, and not before so many bytes. */
const TURN_BYTES = 1024 * 1024;
/** No piece is longer; who asks for one again and again has had its turn. */
const LONGEST_TURN_BYTES = 4 * 1024 * 1024;
/** Who was turned away and has not come back for so long has found another. */
const KEPT_MS = 100;

export class UploadQueue<Requester> {
  readonly #lines = new Map<Requester, Line>();
  /** With the time they came last, in the order they first came: the last free turn is kept for the first of them. */
  readonly #turnedAway = new Map<Requester, { class: TrafficClass; cameAt: number }>();
  readonly #turns: Record<TrafficClass, number> = { pull: 0, prewarm: 0, seed: 0 };
  /** Those of lines that go before all others of their class. */
  readonly #remoteTurns: Record<TrafficClass, number> = { pull: 0, prewarm: 0, seed: 0 };
  readonly #shares = new ClassShares();

  /** Requesters that wait or were served. */
  get size(): number {
    return this.#lines.size;
  }

  /**
   * Takes a block on, unless so many pieces that are as urgent wait already; the rest of a piece that is being served
   * is always taken. Returns how many blocks of this requester wait now, or `busy`.
   */
  add(requester: Requester, block: Block, room: Room): number | 'busy' {
    const line = this.#lines.get(requester);
    const goesOn = line !== undefined && (line.blocks.at(-1)?.piece ?? line.piece) === block.piece;
    const trafficClass = line?.class ?? room.class ?? 'prewarm';
    if (!goesOn && !this.#admits(requester, trafficClass, room)) {
      this.#turnedAway.set(requester, { class: trafficClass, cameAt: room.now });
      return 'busy';
    }
    this.#turnedAway.delete(requester);
    const own = line ?? {
      class: trafficClass,
      remote: room.remote === true,
      blocks: [],
      turns: 0,
      servedBytes: 0,
      piece: undefined,
    };
    // Who had nothing to wait for has no old place to come back to.
    if (!goesOn && own.blocks.length === 0) this.#endTurn(requester, own);
    if (own.blocks.at(-1)?.piece !== block.piece) this.#count(own, 1);
    return own.blocks.push(block);
  }

  /** Whoever comes while nobody waits; else who was turned away first, if it still comes back. */
  #admits(requester: Requester, trafficClass: TrafficClass, { mostTurns, now }: Room): boolean {
    let ahead = 0;
    for (const other of CLASSES) if (isUrgentAs(other, trafficClass)) ahead += this.#turns[other];
    if (ahead >= mostTurns) return false;
    if (ahead < mostTurns - 1) return true;
    for (const [first, { class: itsClass, cameAt }] of this.#turnedAway) {
      if (first === requester) return true;
      if (!isUrgentAs(itsClass, trafficClass)) continue;
      if (now - cameAt < KEPT_MS) return false;
      this.#turnedAway.delete(first);
    }
    return true;
  }

  /** The requester's blocks are for something else now, those that wait as well. */
  setClass(requester: Requester, trafficClass: TrafficClass): void {
    const line = this.#lines.get(requester);
    if (line === undefined) return;
    const { turns } = line;
    this.#count(line, -turns);
    line.class = trafficClass;
    this.#count(line, turns);
  }

  cancel(requester: Requester, { piece, offset }: Block): void {
    const line = this.#lines.get(requester);
    const at = line?.blocks.findIndex((block) => block.piece === piece && block.offset === offset) ?? -1;
    if (line === undefined || at < 0) return;
    line.blocks.splice(at, 1);
    this.#count(line, turnsOf(line.blocks) - line.turns);
  }

  remove(requester: Requester): void {
    const line = this.#lines.get(requester);
    if (line !== undefined) this.#count(line, -line.turns);
    this.#lines.delete(requester);
    this.#turnedAway.delete(requester);
  }

  clear(): void {
    this.#lines.clear();
    this.#turnedAway.clear();
    for (const trafficClass of CLASSES) {
      this.#turns[trafficClass] = 0;
      this.#remoteTurns[trafficClass] = 0;
    }
  }

  /** Blocks for one read and one write: the next of whoever `canTake`, with those that follow in the same piece. */
  next(canTake: Taking<Requester>['canTake'], maxBytes: Taking<Requester>['maxBytes']): Run<Requester> | undefined {
    const taking = { canTake, maxBytes };
    for (const trafficClass of CLASSES) {
      const next = this.#shares.isOverdue(trafficClass) ? this.#ofClass(trafficClass, taking) : undefined;
      if (next !== undefined) return next;
    }
    for (const trafficClass of CLASSES) {
      const next = this.#ofClass(trafficClass, taking);
      if (next !== undefined) return next;
    }
    return undefined;
  }

  #ofClass(trafficClass: TrafficClass, taking: Taking<Requester>): Run<Requester> | undefined {
    if (this.#turns[trafficClass] === 0) return undefined;
    const remoteNext =
      this.#remoteTurns[trafficClass] > 0 ? this.#nextOf({ class: trafficClass, remote: true }, taking) : undefined;
    const next = remoteNext ?? this.#nextOf({ class: trafficClass, remote: false }, taking);
    if (next === undefined) return undefined;
    const bytes = next.run.reduce((sum, { length }) => sum + length, 0);
    this.#shares.served(trafficClass, bytes, (other) => this.#turns[other] > 0);
    return next;
  }

  #nextOf(
    { class: trafficClass, remote }: Pick<Line, 'class' | 'remote'>,
    { canTake, maxBytes }: Taking<Requester>,
  ): Run<Requester> | undefined {
    // Whose turn has ended goes behind those that the loop has still to see.
    for (const [requester, line] of this.#lines) {
      if (line.turns === 0) continue;
      const [first] = line.blocks;
      if (first === undefined || line.class !== trafficClass || line.remote !== remote) continue;
      if (!canTake(requester)) continue;
      const isThrough = line.servedBytes >= (first.piece === line.piece ? LONGEST_TURN_BYTES : TURN_BYTES);
      if (isThrough) {
        this.#endTurn(requester, line);
        continue;
      }
      const run = takeRun(line.blocks, maxBytes(requester));
      line.piece = first.piece;
      for (const { length } of run) line.servedBytes += length;
      if (line.blocks[0]?.piece !== first.piece) this.#count(line, -1);
      return { requester, run };
    }
    return undefined;
  }

  /** To the end of the line: maps keep the order of insertion. */
  #endTurn(requester: Requester, line: Line): void {
    line.servedBytes = 0;
    this.#lines.delete(requester);
    this.#lines.set(requester, line);
  }

  #count(line: Line, by: number): void {
    line.turns += by;
    this.#turns[line.class] += by;
    if (line.remote) this.#remoteTurns[line.class] += by;
  }
}

function turnsOf(blocks: readonly Block[]): number {
  return blocks.filter(({ piece }, at) => blocks[at - 1]?.piece !== piece).length;
}

function takeRun(blocks: Block[], maxBytes: number): Block[] {
  const run = [blocks.shift() as Block];
  let bytes = run[0]?.length ?? 0;
  for (;;) {
    const [last, next] = [run.at(-1) as Block, blocks[0]];
    if (next === undefined || next.piece !== last.piece || next.offset !== last.offset + last.length) return run;
    if (bytes + next.length > maxBytes) return run;
    run.push(blocks.shift() as Block);
    bytes += next.length;
  }
}
