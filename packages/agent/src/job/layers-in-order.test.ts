import { type Descriptor, digestOf } from '@shoal/oci';
import { expect, it } from 'vitest';
import { type Promised, promised } from '../swarm/promised.ts';
import { fetchInOrder, takeInAhead } from './layers-in-order.ts';

const LITTLE = 10;

/** Layers of these sizes, whose fetching a test leads. */
function line(...sizes: number[]) {
  const layers = sizes.map(
    (size, at): Descriptor => ({ mediaType: 'layer', digest: digestOf(Buffer.from(`${at}`)), size }),
  );
  const begun: number[] = [];
  const wholes = layers.map((): Promised<void> => promised<void>());
  const nearly: (() => void)[] = [];
  const arrivals = fetchInOrder(layers, LITTLE, (layer, isNearly) => {
    const at = layers.indexOf(layer);
    begun.push(at);
    nearly[at] = isNearly;
    return wholes[at]?.promise ?? Promise.resolve();
  });
  for (const arrival of arrivals) arrival.catch(() => {});
  const taken: number[] = [];
  const ahead = takeInAhead({ layers, arrivals, littleBytes: LITTLE }, async (next) => {
    taken.push(layers.indexOf(next));
  });
  ahead.catch(() => {});
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ...{ begun, taken, ahead, settled },
    nearly: async (at: number) => {
      nearly[at]?.();
      await settled();
    },
    whole: async (...ats: number[]) => {
      for (const at of ats) wholes[at]?.resolve();
      await settled();
    },
    fails: async (at: number) => {
      wholes[at]?.reject(new Error('gone'));
      await settled();
    },
  };
}

it('a layer begins when the one ahead of it is nearly there', async () => {
  const { begun, nearly, settled } = line(100, 100, 100);
  await settled();
  expect(begun).toEqual([0]);
  await nearly(0);
  expect(begun).toEqual([0, 1]);
});

it('nobody waits for a small layer, nor for one that failed', async () => {
  const { begun, fails, settled } = line(LITTLE, 100, 100);
  await settled();
  expect(begun).toEqual([0, 1]);
  await fails(1);
  expect(begun).toEqual([0, 1, 2]);
});

it('what is there is taken in while the next is on its way, and the last one is left to the whole image', async () => {
  const { taken, ahead, nearly, whole } = line(100, 100, 100);
  await whole(0);
  expect(taken).toEqual([1]);
  await nearly(1);
  await whole(2);
  await whole(1);
  await ahead;
  expect(taken).toEqual([1]);
});

it('layers that came together are taken in together', async () => {
  const { taken, whole } = line(LITTLE, LITTLE, 100, 100);
  await whole(1);
  expect(taken).toEqual([]);
  await whole(0);
  expect(taken).toEqual([2]);
});

it('little is not taken in, and not when little is to come', async () => {
  const { taken, whole } = line(LITTLE - 1, 100, LITTLE - 1);
  await whole(0);
  expect(taken).toEqual([]);
  await whole(1);
  expect(taken).toEqual([]);
});

it('ends with the error of a layer', async () => {
  const { ahead, fails } = line(100, 100);
  await fails(0);
  await expect(ahead).rejects.toThrow('gone');
});
