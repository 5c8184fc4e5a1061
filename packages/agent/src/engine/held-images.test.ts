import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { createEngineClient } from './engine-client.ts';
import { type FakeEngine, startFakeEngine } from './fake-engine.testkit.ts';
import { nameOf, openHeldImages } from './held-images.ts';

const ID = `sha256:${'0123456789abcdef'.repeat(4)}`;
const NAME = 'shoal.local/held/win/servercore:0123456789ab';
const REQUEST = {
  ...{ imageId: ID, reference: 'harbor.test/win/servercore:ltsc2022', repository: 'win/servercore' },
  ...{ manifestDigest: 'sha256:m', keepUntilMs: 2000 },
};
const nobody = () => false;

async function kit(options: Parameters<typeof startFakeEngine>[0] = {}) {
  const engine = await startFakeEngine({
    images: [{ Id: ID, RepoTags: ['harbor.test/win/servercore:ltsc2022'] }],
    ...options,
  });
  const client = createEngineClient({ address: engine.address });
  onTestFinished(() => client.close());
  const path = join(temporaryFolder(), 'held.json');
  return { engine, path, open: () => openHeldImages(path, client, silent) };
}

const tagsOf = (engine: FakeEngine) => engine.images[0]?.RepoTags;

describe('an image that is held', () => {
  it('gets a tag of Shoal beside its own until its time has passed', async () => {
    const { engine, open } = await kit();
    const held = await open();
    await held.hold(REQUEST);
    expect(tagsOf(engine)).toEqual([REQUEST.reference, NAME]);
    await held.round(1999, nobody);
    expect(held.list().map(nameOf)).toEqual([NAME]);
    await held.round(2000, nobody);
    expect([tagsOf(engine), held.list()]).toEqual([[REQUEST.reference], []]);
  });

  it('is remembered over a restart, and held for the longest that was asked', async () => {
    const { open } = await kit();
    const first = await open();
    await first.hold(REQUEST);
    await first.hold({ ...REQUEST, keepUntilMs: 3000 });
    await first.hold({ ...REQUEST, keepUntilMs: 1000 });
    expect((await open()).list()).toMatchObject([{ imageId: ID, reference: REQUEST.reference, keepUntilMs: 3000 }]);
  });

  it('stays while an open job names it', async () => {
    const { engine, open } = await kit();
    const held = await open();
    await held.hold(REQUEST);
    await held.round(5000, (digest) => digest === REQUEST.manifestDigest);
    expect(tagsOf(engine)).toContain(NAME);
  });

  it('that somebody untagged is forgotten', async () => {
    const { engine, open } = await kit();
    const held = await open();
    await held.hold(REQUEST);
    engine.images.length = 0;
    await held.round(5000, nobody);
    expect(held.list()).toEqual([]);
  });

  it.each([
    ['a container uses it', 409],
    ['the engine fails', 500],
  ])('stays when %s, and is tried again', async (_title, status) => {
    let isDown = true;
    const { open, engine } = await kit({
      answers: {
        [`/images/${NAME}`]: (_request, response) => {
          response.statusCode = isDown ? status : 200;
          response.end(JSON.stringify({ message: 'conflict' }));
        },
      },
    });
    const held = await open();
    await held.hold(REQUEST);
    await held.round(5000, nobody);
    expect(held.list()).toHaveLength(1);
    isDown = false;
    await held.round(6000, nobody);
    expect(held.list()).toEqual([]);
    expect(engine.requests.filter((line) => line.startsWith('DELETE'))).toEqual([
      `DELETE /v1.41/images/${NAME}`,
      `DELETE /v1.41/images/${NAME}`,
    ]);
  });
});

it('an image that the engine does not tag is not held, and nothing is remembered', async () => {
  const { engine, open } = await kit({ images: [] });
  const held = await open();
  await held.hold(REQUEST);
  expect([held.list(), (await open()).list(), engine.images]).toEqual([[], [], []]);
});

it('a name that is too long for an engine loses its front', async () => {
  const { engine, open } = await kit();
  const held = await open();
  const repository = `${'long/'.repeat(60)}end`;
  await held.hold({ ...REQUEST, repository });
  const [name = ''] = held.list().map((image) => image.repository);
  expect(name.length).toBeLessThanOrEqual(255);
  expect(name).toMatch(/^shoal\.local\/held\/long\/.*\/end$/);
  expect(tagsOf(engine)).toHaveLength(2);
});

it.each(['', '{}', 'null', '[{"tag":1}]'])('a list that is %j is empty', async (text) => {
  const { path, open } = await kit();
  writeFileSync(path, text);
  expect((await open()).list()).toEqual([]);
});
