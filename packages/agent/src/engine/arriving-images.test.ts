import { imageOfFirstLayers, parseReference } from '@shoal/oci';
import { expect, it, onTestFinished } from 'vitest';
import { silent } from '../swarm/host.testkit.ts';
import { createGate, until } from '../wait.testkit.ts';
import { createArrivingImages } from './arriving-images.ts';
import { createEngineClient } from './engine-client.ts';
import { type FakeEngine, inChunks, smallImage, startFakeEngine } from './fake-engine.testkit.ts';
import { missingLayers } from './load-image.ts';

const image = smallImage(parseReference('h.test/team/a:1'), ['the base', 'the middle', 'the top']);
const [, middle, top] = image.layers.map(({ digest }) => digest);
const nameOfFirst = (count: number) => `shoal.local/arriving/team/a:${image.config.digest.slice(7, 19)}-${count}`;
const options = { readBlob: image.readBlob, signal: new AbortController().signal };

/** What an engine has after a load of the first layers. */
function takeFirst(engine: FakeEngine, count: number): object[] {
  const Layers = image.layers.slice(0, count).map(({ diffId }) => diffId);
  engine.images.push({
    Id: imageOfFirstLayers(image, count).config.digest,
    ...{ RepoTags: [nameOfFirst(count)], RootFS: { Layers } },
  });
  return [{ stream: 'Loaded image' }];
}

async function kit(fake: Parameters<typeof startFakeEngine>[0] = {}) {
  const engine = await startFakeEngine({ onLoad: (self) => takeFirst(self, self.archives.length), ...fake });
  const client = createEngineClient({ address: engine.address });
  onTestFinished(() => client.close());
  const names = () => engine.images.flatMap(({ RepoTags }) => RepoTags ?? []);
  return { engine, client, names, arriving: createArrivingImages(client, silent) };
}

const layersIn = (files: string[] | undefined) =>
  files?.flatMap((path) =>
    image.layers.filter(({ digest }) => path.endsWith(digest.slice(7))).map((l) => l.bytes.toString()),
  );

it('each part is sent on top of the one before, whose name goes, and in the end no name is left', async () => {
  const { engine, arriving, names } = await kit();
  const sent = await arriving.takeIn(image, middle!, options);
  expect(names()).toEqual([nameOfFirst(1)]);
  expect(sent).toBeGreaterThan(0);
  await arriving.takeIn(image, top!, options);
  expect(engine.archives.map(layersIn)).toEqual([['the base'], ['the middle']]);
  expect(names()).toEqual([nameOfFirst(2)]);
  await arriving.end(image);
  expect(names()).toEqual([]);
});

it('before the first layer there is nothing to take in', async () => {
  const { engine, arriving } = await kit();
  expect(await arriving.takeIn(image, image.layers[0]!.digest, options)).toBe(0);
  expect(engine.requests).toEqual([]);
});

it('a containerd store gets the whole image only', async () => {
  const { engine, arriving } = await kit({ store: 'containerd' });
  expect(await arriving.takeIn(image, middle!, options)).toBe(0);
  expect(engine.archives).toEqual([]);
});

it('a refusal is not the end of the image', async () => {
  const { arriving } = await kit({ onLoad: () => [{ errorDetail: { message: 'no' } }] });
  expect(await arriving.takeIn(image, middle!, options)).toBe(0);
  await arriving.end(image);
});

it('an image that ends while a part is sent leaves no name', async () => {
  const { engine, arriving, names } = await kit();
  const [asked, go] = [createGate(), createGate()];
  async function* readBlob() {
    asked.open();
    await go.opened;
    yield* inChunks(image.layers[0]!.bytes);
  }
  const taking = arriving.takeIn(image, middle!, { ...options, readBlob });
  await asked.opened;
  await arriving.end(image);
  go.open();
  await taking;
  expect(engine.archives).toHaveLength(1);
  await until('the name to go', () => names().length === 0);
});

it('what a killed agent left goes at the next start, what arrives now stays', async () => {
  const left = { Id: 'sha256:left', RepoTags: ['shoal.local/arriving/team/b:0123456789ab-1'] };
  const { engine, arriving, names } = await kit();
  await arriving.takeIn(image, middle!, options);
  engine.images.push(left, { Id: 'sha256:other', RepoTags: ['team/b:1'] });
  await arriving.sweep();
  expect(names()).toEqual([nameOfFirst(1), 'team/b:1']);
});

it('layers that only an arriving image has are missing for another: they may go again', async () => {
  const { client, arriving } = await kit();
  await arriving.takeIn(image, middle!, options);
  expect(await missingLayers(client, image)).toHaveLength(3);
});
