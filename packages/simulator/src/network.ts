/**
 * The wires of the world: each host's upload and download rate, each zone's uplink. A pipe is a
 * queue that passes bytes at its rate in the order they come; what crosses several is as late as the
 * slowest of them, not as their sum, because bytes do not wait for the end of a block.
 */

export interface Pipe {
  readonly bytesPerSecond: number;
  freeAt: number;
  bytes: number;
}

export function createPipe(bytesPerSecond: number): Pipe {
  return { bytesPerSecond, freeAt: 0, bytes: 0 };
}

/** When bytes that have all come in at `atMs` are all out again. */
export function pass(pipe: Pipe, bytes: number, atMs: number): number {
  const tookMs = (bytes * 1000) / pipe.bytesPerSecond;
  pipe.bytes += bytes;
  pipe.freeAt = Math.max(atMs, pipe.freeAt + tookMs);
  return pipe.freeAt;
}

/** A group of hosts behind one shared uplink. */
export interface Zone {
  readonly name: string;
  readonly ingress: Pipe;
  readonly egress: Pipe;
}

export function createZone(name: string, uplinkBytesPerSecond: number): Zone {
  return { name, ingress: createPipe(uplinkBytesPerSecond), egress: createPipe(uplinkBytesPerSecond) };
}
