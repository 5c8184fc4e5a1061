/** The order of everything that happened as one number: two runs with one hash were the same run. */
import type { SwarmEvent } from '@shoal/swarm';

export const EVENT_CODES: Record<SwarmEvent['type'], number> = {
  hashesKnown: 1,
  neighbours: 2,
  dialFailed: 3,
  connected: 4,
  disconnected: 5,
  choked: 6,
  maxRequests: 7,
  peerHas: 8,
  peerHolds: 9,
  blockReceived: 10,
  blockRejected: 11,
  pieceVerified: 12,
  pieceLost: 13,
  blockRequested: 14,
  leases: 15,
  budget: 16,
  wake: 17,
  reading: 18,
  hashesAsked: 19,
  hashesTold: 20,
  hashesForged: 21,
};

export class Trace {
  count = 0;
  #low = 0x811c9dc5;
  #high = 0x1234567;

  add(time: number, host: number, what: number): void {
    this.count++;
    this.#low = Math.imul(this.#low ^ time, 0x01000193);
    this.#low = Math.imul(this.#low ^ host, 0x01000193);
    this.#high = Math.imul(this.#high ^ this.#low ^ what, 0x85ebca6b) ^ (this.#low >>> 13);
  }

  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
