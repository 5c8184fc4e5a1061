/**
 * Layers one behind the other, as an engine takes them in: the first is whole while the last is on its way, where side by
 * side all would be whole at the end. Decides when the next one begins and when it is worth while to hand over what is there.
 */
import type { Descriptor } from '@shoal/oci';

/** Resolves when the layer is there; calls `nearly` when little of it is to come. */
export type FetchLayer = (layer: Descriptor, nearly: () => void) => Promise<void>;

/**
 * One promise a layer, in their order. The next begins when the one ahead is nearly there, so that the line does not stand
 * still; nobody waits for a layer of `littleBytes`, nor for one that failed.
 */
export function fetchInOrder(layers: readonly Descriptor[], littleBytes: number, fetch: FetchLayer): Promise<void>[] {
  let turn: Promise<void> = Promise.resolve();
  return layers.map((layer) => {
    let nearly = (): void => {};
    const isNearly = new Promise<void>((resolve) => {
      nearly = resolve;
    });
    const arrival = turn.then(() => fetch(layer, nearly));
    if (layer.size > littleBytes) turn = Promise.race([isNearly, arrival]).catch(() => {});
    return arrival;
  });
}

/**
 * Calls `takeIn` with the next layer when those before it are there, `littleBytes` or more since the last time, and as much
 * is still to come. Rejects when a layer does.
 */
export async function takeInAhead(
  { layers, arrivals, littleBytes }: { layers: readonly Descriptor[]; arrivals: Promise<void>[]; littleBytes: number },
  takeIn: (next: Descriptor) => Promise<void>,
): Promise<void> {
  const coming = new Set(layers);
  layers.forEach((layer, at) => {
    arrivals[at]?.then(
      () => coming.delete(layer),
      () => {},
    );
  });
  let waitingBytes = 0;
  for (const [at, layer] of layers.entries()) {
    await arrivals[at];
    coming.delete(layer);
    waitingBytes += layer.size;
    const next = layers[at + 1];
    if (next === undefined || !coming.has(next)) continue;
    if (waitingBytes < littleBytes || sizeOf(coming) < littleBytes) continue;
    waitingBytes = 0;
    await takeIn(next);
  }
}

function sizeOf(layers: Iterable<Descriptor>): number {
  let bytes = 0;
  for (const { size } of layers) bytes += size;
  return bytes;
}
