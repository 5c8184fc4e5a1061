/** Frames on their way into sockets, recycled by size, so that sending allocates nothing in the long run. */

const FREE_KEPT_BYTES = 16 * 1024 * 1024;

export interface FramePool {
  take(bytes: number): Buffer;
  give(frame: Buffer): void;
}

export function createFramePool(): FramePool {
  const free = new Map<number, Buffer[]>();
  let keptBytes = 0;
  return {
    take(bytes) {
      const frame = free.get(bytes)?.pop();
      if (frame === undefined) return Buffer.allocUnsafeSlow(bytes);
      keptBytes -= bytes;
      return frame;
    },
    give(frame) {
      if (keptBytes + frame.length > FREE_KEPT_BYTES) return;
      keptBytes += frame.length;
      const kept = free.get(frame.length) ?? [];
      kept.push(frame);
      free.set(frame.length, kept);
    },
  };
}
