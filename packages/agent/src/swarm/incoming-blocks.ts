/**
 * Blocks on their way into piece memory: which connection is writing which block where, and when a
 * piece's memory is free of writers. Bytes are read straight into it, so memory must not change
 * hands while a connection may still write. Decides nothing about which block is wanted.
 */
import type { Block } from '@shoal/swarm';
import type { PieceMemory } from '../store/piece-memory.ts';

/** A piece on its way in. */
interface Receiving {
  memory: SharedArrayBuffer;
  bytes: Uint8Array;
  /** Connections that may still read a block into this memory. */
  writers: number;
}

/** The block that is just coming in on a connection. */
interface Incoming extends Block {
  /** Bytes of it that are there. */
  at: number;
  /** Undefined: nobody waits for it, its bytes are dropped. */
  into: Receiving | undefined;
}

export class IncomingBlocks {
  readonly #memory: PieceMemory;
  readonly #pieceLength: number;
  readonly #receiving = new Map<number, Receiving>();
  readonly #incoming = new Map<number, Incoming>();

  constructor(memory: PieceMemory, pieceLength: number) {
    this.#memory = memory;
    this.#pieceLength = pieceLength;
  }

  /** A block begins on a connection; unless it is wanted its bytes will be dropped. */
  start(link: number, { piece, offset, length }: Block, wanted: boolean): void {
    const into = wanted ? this.#receivingOf(piece) : undefined;
    if (into !== undefined) into.writers++;
    this.#incoming.set(link, { piece, offset, length, at: 0, into });
  }

  /** Where the rest of the connection's block belongs; undefined when nobody waits for it. */
  target(link: number): Uint8Array | undefined {
    const incoming = this.#incoming.get(link);
    if (incoming?.into === undefined || !this.#isCurrent(incoming)) return undefined;
    const { into, offset, at, length } = incoming;
    return into.bytes.subarray(offset + at, offset + length);
  }

  /** More bytes of the connection's block are there; says which block and whether it still counts. */
  advance(link: number, bytes: number): { block: Block; counts: boolean } | undefined {
    const incoming = this.#incoming.get(link);
    if (incoming === undefined) return undefined;
    incoming.at += bytes;
    const { piece, offset, length } = incoming;
    return { block: { piece, offset, length }, counts: this.#isCurrent(incoming) };
  }

  /** The connection's block has ended, or the connection. */
  end(link: number): void {
    const incoming = this.#incoming.get(link);
    this.#incoming.delete(link);
    if (incoming?.into === undefined) return;
    incoming.into.writers--;
    if (incoming.into.writers === 0 && !this.#isCurrent(incoming)) this.#memory.give(incoming.into.memory);
  }

  /**
   * The memory of a piece that is whole, for a worker; give it back afterwards. In endgame a second
   * peer may be in the middle of a block: it keeps the memory, the worker gets a copy.
   */
  takePiece(piece: number): SharedArrayBuffer | undefined {
    const receiving = this.#receiving.get(piece);
    this.#receiving.delete(piece);
    if (receiving === undefined || receiving.writers === 0) return receiving?.memory;
    const copy = this.#memory.take(this.#pieceLength);
    new Uint8Array(copy).set(receiving.bytes);
    return copy;
  }

  /** The piece may have been finished by another peer meanwhile; its memory is then not ours to count. */
  #isCurrent({ piece, into }: Incoming): boolean {
    return into !== undefined && this.#receiving.get(piece) === into;
  }

  #receivingOf(piece: number): Receiving {
    let receiving = this.#receiving.get(piece);
    if (receiving === undefined) {
      const memory = this.#memory.take(this.#pieceLength);
      receiving = { memory, bytes: new Uint8Array(memory), writers: 0 };
      this.#receiving.set(piece, receiving);
    }
    return receiving;
  }
}
