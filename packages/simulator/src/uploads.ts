/** How blocks get from host to host: the uploader's queue, its card, the uplinks between, the receiver's card. */
import type { Block } from '@shoal/swarm';
import type { SimHost, Wire } from './host.ts';
import { pass } from './network.ts';
import type { Settings } from './options.ts';
import type { Timeline } from './timeline.ts';

/** More than this on its way to one peer: it reads too slowly to be sent more. */
const IN_FLIGHT_BYTES = 1024 * 1024;
/** A window of one block would stop after each. */
const IN_FLIGHT_BLOCKS = 2;
/** One write of an agent takes no more than this of its rate. */
const RUN_MS = 10;

export interface UploadsOptions {
  time: Timeline;
  settings: Settings;
  onArrival(wire: Wire, block: Block): void;
}

export class Uploads {
  readonly #options: UploadsOptions;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Sends what is next, if the card is free. */
  pump(host: SimHost): void {
    if (host.uploading || host.paused || !host.alive) return;
    const { time, settings } = this.#options;
    const maxBytes = Math.max(settings.blockBytes, (host.uploadBytesPerSecond * RUN_MS) / 1000);
    const window = Math.max(IN_FLIGHT_BYTES, IN_FLIGHT_BLOCKS * settings.blockBytes);
    const next = host.uploads.next(
      (wire) => wire.inFlightBytes < window,
      () => maxBytes,
    );
    if (next === undefined) return;
    const { requester: wire, run } = next;
    const bytes = run.reduce((sum, { length }) => sum + length, 0);
    // Times are whole milliseconds, the card's own clock is not: what it was late is not lost.
    if (time.now - host.upload.freeAt > 1) host.upload.freeAt = time.now;
    host.uploading = true;
    wire.inFlightBytes += bytes;
    const sentAt = pass(host.upload, bytes, host.upload.freeAt);
    time.at(sentAt, () => {
      host.uploading = false;
      for (const block of run) this.#travel(wire, block, sentAt);
      this.pump(host);
    });
  }

  #travel(wire: Wire, block: Block, sentAt: number): void {
    const { time, settings, onArrival } = this.#options;
    const { from: receiver, to: sender } = wire;
    const crosses = sender.zone !== receiver.zone;
    let atMs = sentAt;
    if (crosses && sender.zone !== undefined) atMs = pass(sender.zone.egress, block.length, atMs);
    if (crosses && receiver.zone !== undefined) atMs = pass(receiver.zone.ingress, block.length, atMs);
    atMs = pass(receiver.download, block.length, atMs) + settings.latencyMs;
    time.at(atMs, () => {
      wire.inFlightBytes -= block.length;
      this.pump(sender);
      if (wire.open && receiver.alive) onArrival(wire, block);
    });
  }
}
