import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainIds, type DiffId } from '@shoal/oci';
import { expect, it, onTestFinished } from 'vitest';
import { createEngineClient, type EngineClient } from './engine-client.ts';
import { inChunks, startFakeEngine } from './fake-engine.testkit.ts';

function connect(address: string): EngineClient {
  const client = createEngineClient({ address });
  onTestFinished(() => client.close());
  return client;
}

const diffId = (digit: string) => `sha256:${digit.repeat(64)}` as DiffId;

it('an older engine is spoken to in its own version', async () => {
  const engine = await startFakeEngine({ apiVersion: '1.41' });
  await connect(engine.address).info();
  expect(engine.requests.toSorted()).toEqual(['GET /_ping', 'GET /v1.41/info', 'GET /v1.41/version']);
});

it('a newer engine is spoken to in the version we know', async () => {
  const engine = await startFakeEngine({ apiVersion: '1.52' });
  await connect(engine.address).findImage('a:1');
  expect(engine.requests).toEqual(['GET /_ping', 'GET /v1.47/images/a:1/json']);
});

it('the store is told apart', async () => {
  for (const store of ['classic', 'containerd'] as const) {
    const engine = await startFakeEngine({ store });
    expect(await connect(engine.address).info()).toEqual({
      version: '20.10.24',
      apiVersion: '1.41',
      store,
      os: 'linux',
      architecture: 'amd64',
    });
  }
});

it('a Windows engine tells the version of its system', async () => {
  const engine = await startFakeEngine({
    answers: {
      '/version': (_, response) =>
        response.end('{"Version":"25.0.3","ApiVersion":"1.44","Os":"windows","Arch":"amd64"}'),
      '/info': (_, response) => response.end('{"DriverStatus":[["Windows",""]],"OSVersion":"10.0.20348.2113"}'),
    },
  });
  expect(await connect(engine.address).info()).toMatchObject({
    os: 'windows',
    store: 'classic',
    osVersion: '10.0.20348.2113',
  });
});

it('the chains of all images are present, and each image is read once', async () => {
  const [one, two, three] = [diffId('1'), diffId('2'), diffId('3')];
  const engine = await startFakeEngine({
    images: [
      { Id: 'sha256:a', RootFS: { Layers: [one, two] } },
      { Id: 'sha256:b', RootFS: { Layers: [one, three] } },
      { Id: 'sha256:c' },
    ],
  });
  const client = connect(engine.address);
  const expected = new Set([...chainIds([one, two]), ...chainIds([one, three])]);
  expect(await client.presentChains()).toEqual(expected);
  expect(await client.presentChains()).toEqual(expected);
  expect(engine.requests.filter((request) => request.includes('sha256:a'))).toHaveLength(1);
});

it('an image that goes away while the chains are read is not counted', async () => {
  const engine = await startFakeEngine({
    images: [{ Id: 'sha256:a', RootFS: { Layers: [diffId('1')] } }],
    answers: { '/images/sha256:a/json': (_, response) => response.writeHead(404).end('{"message":"No such image"}') },
  });
  expect(await connect(engine.address).presentChains()).toEqual(new Set());
});

it('an image removed since the last look takes its chains with it', async () => {
  const engine = await startFakeEngine({ images: [{ Id: 'sha256:a', RootFS: { Layers: [diffId('1')] } }] });
  const client = connect(engine.address);
  expect((await client.presentChains()).size).toBe(1);
  engine.images.length = 0;
  expect((await client.presentChains()).size).toBe(0);
});

it('an error of the engine is quoted', async () => {
  const engine = await startFakeEngine({
    answers: { '/info': (_, response) => response.writeHead(500).end('{"message":"layer store is locked"}') },
  });
  await expect(connect(engine.address).info()).rejects.toMatchObject({
    code: 'ENGINE_FAILED',
    engineText: 'layer store is locked',
  });
});

it.skipIf(process.platform === 'win32')('an engine that is down is named with its address', async () => {
  const client = connect(`unix://${join(tmpdir(), 'shoal-nobody.sock')}`);
  await expect(client.info()).rejects.toMatchObject({
    code: 'ENGINE_DOWN',
    retryable: true,
    message: expect.stringContaining('shoal-nobody.sock (ENOENT)'),
  });
});

it('a port nobody listens at is an engine that is down', async () => {
  await expect(connect('tcp://127.0.0.1:1').findImage('a')).rejects.toMatchObject({
    code: 'ENGINE_DOWN',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

it('a client outlives a restart of the engine', async () => {
  let broken = true;
  const engine = await startFakeEngine({
    answers: {
      '/_ping': (_, response) => (broken ? response.destroy() : response.setHeader('api-version', '1.41').end('OK')),
    },
  });
  const client = connect(engine.address);
  await expect(client.info()).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
  broken = false;
  expect(await client.info()).toMatchObject({ store: 'classic' });
});

it('another HTTP service at the address is not taken for an engine', async () => {
  const engine = await startFakeEngine({ answers: { '/_ping': (_, response) => response.end('pong') } });
  await expect(connect(engine.address).info()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
});

it('a service that does not speak HTTP is not taken for an engine', async () => {
  const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  await expect(connect(`tcp://127.0.0.1:${port}`).info()).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
});

it('a load that is cancelled ends as ABORTED and the upload breaks off', async () => {
  const stop = new AbortController();
  let brokeOff = (): void => {};
  const brokenOff = new Promise<void>((resolve) => {
    brokeOff = resolve;
  });
  const engine = await startFakeEngine({
    answers: {
      '/images/load': (request) => {
        request.once('data', () => stop.abort());
        request.on('error', brokeOff);
      },
    },
  });
  async function* endless() {
    for (;;) {
      yield Buffer.alloc(1024);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await expect(connect(engine.address).load(endless(), { signal: stop.signal })).rejects.toMatchObject({
    code: 'ABORTED',
  });
  await brokenOff;
});

it('a cancelled signal keeps any request from being made', async () => {
  const engine = await startFakeEngine();
  await expect(connect(engine.address).findImage('a', AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
  expect(engine.requests.filter((request) => request.includes('images'))).toEqual([]);
});

it('a refusal in the middle of the upload is heard', async () => {
  const engine = await startFakeEngine({
    answers: {
      '/images/load': (_, response) => response.write('{"errorDetail":{"message":"archive is too large"}}\r\n'),
    },
  });
  async function* slow() {
    for (let count = 0; count < 1_000; count += 1) {
      yield Buffer.alloc(1024);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await expect(connect(engine.address).load(slow())).rejects.toMatchObject({
    code: 'LOAD_REFUSED',
    engineText: 'archive is too large',
  });
});

it('an answer that breaks off is an engine that went down', async () => {
  const engine = await startFakeEngine({
    answers: {
      '/images/load': (request, response) => {
        request.resume().on('end', () => response.write('{"stream":"x"}\r\n', () => response.destroy()));
      },
    },
  });
  await expect(connect(engine.address).load(inChunks(Buffer.alloc(64)))).rejects.toMatchObject({ code: 'ENGINE_DOWN' });
});
