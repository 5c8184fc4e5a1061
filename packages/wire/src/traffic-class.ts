/*
 * The one message in which a downloader says what its requests are for: `pull` (a person waits), `prewarm` or `seed`.
 * Decides its bytes and what is refused; what a class is worth is the uploader's matter.
 */
import type { ViolationReason } from './messages.ts';

/** The extension whose message carries the class: `m: { shoal_class: SHOAL_CLASS_ID }`. */
export const SHOAL_CLASS = 'shoal_class';
export const SHOAL_CLASS_ID = 2;

/** On the wire a class is its place in this list: new ones go behind the last. */
export const TRAFFIC_CLASSES = ['pull', 'prewarm', 'seed'] as const;
export type TrafficClass = (typeof TRAFFIC_CLASSES)[number];

export type ClassResult =
  | { ok: true; class: TrafficClass }
  | { ok: false; reason: Extract<ViolationReason, 'bad class'> };

/** One byte: the payload of the `shoal_class` message. */
export function encodeClass(trafficClass: TrafficClass): Buffer {
  return Buffer.of(TRAFFIC_CLASSES.indexOf(trafficClass));
}

/** Never throws. A class that is not known is refused: who speaks a newer protocol goes by the older side's. */
export function decodeClass(payload: Uint8Array): ClassResult {
  const trafficClass = payload.length === 1 ? TRAFFIC_CLASSES[payload[0] as number] : undefined;
  return trafficClass === undefined ? { ok: false, reason: 'bad class' } : { ok: true, class: trafficClass };
}
