/** Shared memory for pieces on their way to a worker, recycled so that it does not grow with a blob. */

const FREE_KEPT = 32;

export interface PieceMemory {
  take(pieceLength: number): SharedArrayBuffer;
  give(memory: SharedArrayBuffer): void;
  /** Nothing is being received: lets go of what is kept. */
  trim(): void;
}

export function createPieceMemory(): PieceMemory {
  const free = new Map<number, SharedArrayBuffer[]>();
  return {
    take: (pieceLength) => free.get(pieceLength)?.pop() ?? new SharedArrayBuffer(pieceLength),
    give(memory) {
      const kept = free.get(memory.byteLength) ?? [];
      if (kept.length < FREE_KEPT) kept.push(memory);
      free.set(memory.byteLength, kept);
    },
    trim: () => free.clear(),
  };
}
