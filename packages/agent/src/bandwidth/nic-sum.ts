/**
 * Sums counters over interfaces that come, go and are reset, so that the sum never jumps: only what an interface moved
 * between two looks is added.
 */

export interface NicBytes {
  receivedBytes: number;
  sentBytes: number;
}

export interface NicSum {
  /** The sum after this look, which holds one entry an interface. */
  add(look: ReadonlyMap<string, NicBytes>): NicBytes;
}

export function createNicSum(): NicSum {
  let last: ReadonlyMap<string, NicBytes> = new Map();
  let [receivedBytes, sentBytes] = [0, 0];
  return {
    add(look) {
      for (const [name, bytes] of look) {
        // What a new interface moved before is nobody's traffic now.
        const before = last.get(name) ?? bytes;
        receivedBytes += grown(before.receivedBytes, bytes.receivedBytes);
        sentBytes += grown(before.sentBytes, bytes.sentBytes);
      }
      last = look;
      return { receivedBytes, sentBytes };
    },
  };
}

/** A counter that went back was reset or wrapped: how much it missed is unknown. */
function grown(before: number, after: number): number {
  return Math.max(0, after - before);
}
