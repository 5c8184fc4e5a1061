/**
 * @shoal/registry against programs we did not write: Debian's docker-registry as a server, skopeo's archives and
 * layouts as files.
 */

import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { type Descriptor, digestOf, formatReference, parseManifest, parseReference } from '@shoal/oci';
import { createRegistrySource, type ImageSource, openArchiveSource, openLayoutSource } from '@shoal/registry';
import { beforeAll, expect, it } from 'vitest';
import { cleanUpAfter, tempDir } from '../support/cleanup.ts';
import { makeImage, type TestImage } from '../support/image.ts';
import { run } from '../support/process.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { htpasswdAuth, ROBOT, ROBOT_BASIC, startTokenService } from '../support/token-service.ts';
import { requireTools } from '../support/tools.ts';

const SMALL = 300 * 1024;
const blob = Buffer.alloc(3 * 1024 * 1024, 'shoal');
const descriptor: Descriptor = { mediaType: 'application/octet-stream', digest: digestOf(blob), size: blob.length };

async function readAll(source: ImageSource, wanted: Descriptor, offset = 0): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.readBlob('team/a', wanted, { offset })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function registrySource(options: Parameters<typeof createRegistrySource>[0]): ImageSource {
  const source = createRegistrySource(options);
  cleanUpAfter(() => source.close());
  return source;
}

/** Uploads in one go: POST, then PUT to where it points. */
async function putBlob(url: string, bytes: Buffer, headers: Record<string, string> = {}): Promise<void> {
  const started = await fetch(`${url}/v2/team/a/blobs/uploads/`, { method: 'POST', headers });
  const location = new URL(started.headers.get('location') ?? '', url);
  location.searchParams.set('digest', digestOf(bytes));
  const type = { 'content-type': 'application/octet-stream' };
  const stored = await fetch(location, { method: 'PUT', body: bytes, headers: { ...headers, ...type } });
  expect(stored.status).toBe(201);
}

async function putManifest(url: string, tag: string, bytes: Buffer): Promise<void> {
  const { mediaType } = parseManifest(bytes);
  const headers = { 'content-type': mediaType };
  const stored = await fetch(`${url}/v2/team/a/manifests/${tag}`, { method: 'PUT', body: bytes, headers });
  expect(stored.status).toBe(201);
}

/** Every image in the source under the reference is byte for byte the one that was made. */
async function expectSameImage(source: ImageSource, image: TestImage): Promise<void> {
  const resolved = await source.resolve(parseReference('registry.test/team/a:1'));
  expect(resolved).toMatchObject({ digest: image.manifest.digest, mediaType: image.manifest.mediaType });
  const manifest = parseManifest(resolved.bytes, resolved.mediaType);
  if (manifest.kind !== 'manifest') throw new Error('expected a manifest');
  for (const wanted of [manifest.config, ...manifest.layers]) {
    expect(digestOf(await readAll(source, wanted))).toBe(wanted.digest);
  }
}

requireTools(['docker-registry', 'skopeo'])('a real registry', () => {
  let registry: TestRegistry;
  let image: TestImage;

  beforeAll(async () => {
    [registry, image] = await Promise.all([startRegistry(), makeImage({ baseBytes: SMALL, middleBytes: SMALL })]);
    await putBlob(registry.url, blob);
    for (const { digest } of image.layers) {
      const chunks: Buffer[] = [];
      for await (const chunk of image.readBlob(digest)) chunks.push(chunk);
      await putBlob(registry.url, Buffer.concat(chunks));
    }
    await putBlob(registry.url, image.config.bytes);
    await putManifest(registry.url, '1', image.manifest.bytes);
  });

  it('gives manifests by tag and digest and blobs, found over http without being told', async () => {
    const source = registrySource({ host: registry.host });
    await expectSameImage(source, image);
    const byDigest = await source.manifest('team/a', image.manifest.digest);
    expect(byDigest.bytes.equals(image.manifest.bytes)).toBe(true);
  });

  it('takes what skopeo pushed for the same image', async () => {
    await pushImage(image.layout, `${registry.host}/team/pushed:1`);
    const reference = parseReference(`${registry.host}/team/pushed:1`);
    expect((await registrySource({ host: registry.host }).resolve(reference)).digest).toBe(image.manifest.digest);
  });

  it('says in its own words what it does not have', async () => {
    const source = registrySource({ host: registry.host });
    await expect(source.resolve(parseReference(`${registry.host}/team/a:no`))).rejects.toMatchObject({
      code: 'UNKNOWN_MANIFEST',
      registryText: 'MANIFEST_UNKNOWN: manifest unknown',
    });
    const missing = { ...descriptor, digest: digestOf(Buffer.from('missing')) };
    await expect(readAll(source, missing)).rejects.toMatchObject({
      code: 'UNKNOWN_BLOB',
      registryText: expect.stringContaining('BLOB_UNKNOWN'),
    });
  });

  it('is asked by Range for the rest after every cut', async () => {
    const wire = await startCuttingProxy(registry.host, 1024 * 1024);
    let bytesRead = 0;
    const onBytes = (bytes: number) => {
      bytesRead += bytes;
    };
    const source = registrySource({ host: wire.host, url: `http://${wire.host}`, firstRetryDelayMs: 1, onBytes });
    expect((await readAll(source, descriptor)).equals(blob)).toBe(true);
    expect(wire.connections()).toBeGreaterThan(2);
    expect(bytesRead).toBe(blob.length);
  });

  it('that lacks a foreign layer is passed over for the url of the layer', async () => {
    const foreign = { ...descriptor, urls: [`${registry.url}/v2/team/a/blobs/${descriptor.digest}`] };
    const source = registrySource({ host: registry.host });
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.readBlob('team/without', foreign)) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(blob)).toBe(true);
  });
});

requireTools(['docker-registry'])('a real registry behind a login', () => {
  it('of the Basic kind lets the right password in and the wrong one not', async () => {
    const { host, url } = await startRegistry({ auth: await htpasswdAuth() });
    await putBlob(url, blob, { authorization: ROBOT_BASIC });
    expect((await readAll(registrySource({ host, ...ROBOT }), descriptor)).equals(blob)).toBe(true);
    const wrong = registrySource({ host, ...ROBOT, password: 'wrong-password' });
    await expect(readAll(wrong, descriptor)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.not.stringContaining('wrong-password'),
    });
    await expect(readAll(registrySource({ host }), descriptor)).rejects.toThrow(/configure username and password/);
  });

  it('of the Bearer kind takes the token its service signed for this repository', async () => {
    const tokens = await startTokenService();
    const { host, url } = await startRegistry({ auth: tokens.auth });
    await putBlob(url, blob, { authorization: `Bearer ${tokens.sign('repository:team/a:pull,push')}` });
    const source = registrySource({ host, ...ROBOT });
    for (const offset of [0, blob.length - 5]) {
      expect((await readAll(source, descriptor, offset)).equals(blob.subarray(offset))).toBe(true);
    }
    expect(tokens.asked()).toEqual(['/token?service=test-registry&scope=repository%3Ateam%2Fa%3Apull']);
    const wrong = registrySource({ host, ...ROBOT, password: 'wrong-password' });
    await expect(readAll(wrong, descriptor)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

requireTools(['skopeo'])('what skopeo writes', () => {
  let image: TestImage;
  const name = 'registry.test/team/a:1';

  beforeAll(async () => {
    image = await makeImage({ baseBytes: SMALL, middleBytes: SMALL });
  });

  const copyTo = (target: string) => run('skopeo', ['--insecure-policy', 'copy', `oci:${image.layout}`, target]);

  it('as oci: is a layout to read', async () => {
    const folder = join(await tempDir('skopeo'), 'layout');
    await copyTo(`oci:${folder}:1`);
    await expectSameImage(await openLayoutSource(folder), image);
  });

  it.each(['1', name])('as oci-archive: is an archive to read, named %s', async (reference) => {
    const file = join(await tempDir('skopeo'), 'oci.tar');
    await copyTo(`oci-archive:${file}:${reference}`);
    const source = await openArchiveSource(file);
    cleanUpAfter(() => source.close());
    await expectSameImage(source, image);
  });

  it('as docker-archive: is an archive with the same config, its layers uncompressed', async () => {
    const file = join(await tempDir('skopeo'), 'docker.tar');
    await copyTo(`docker-archive:${file}:${name}`);
    const source = await openArchiveSource(file);
    cleanUpAfter(() => source.close());
    const reference = parseReference(name);
    const { bytes, mediaType } = await source.resolve(reference);
    const manifest = parseManifest(bytes, mediaType);
    if (manifest.kind !== 'manifest') throw new Error('expected a manifest');
    expect(digestOf(await readAll(source, manifest.config))).toBe(image.config.digest);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(image.layers.map(({ diffId }) => diffId));
    for (const layer of manifest.layers) expect(digestOf(await readAll(source, layer))).toBe(layer.digest);
    const other = parseReference('registry.test/team/a:2');
    await expect(source.resolve(other)).rejects.toThrow(`It holds ${formatReference(reference)}`);
  });

  it('cut short is refused', async () => {
    const file = join(await tempDir('skopeo'), 'docker.tar');
    await copyTo(`docker-archive:${file}:${name}`);
    await run('truncate', ['--size=-2000', file]);
    await expect(openArchiveSource(file)).rejects.toMatchObject({ code: 'BAD_ARCHIVE' });
  });
});

/** Passes bytes on to the registry, and cuts every connection once this many came back. */
async function startCuttingProxy(target: string, bytesUntilCut: number) {
  let connections = 0;
  const server = createTcpServer((client) => {
    connections += 1;
    let passed = 0;
    const { hostname, port } = new URL(`http://${target}`);
    const upstream = connect(Number(port), hostname);
    const end = () => {
      upstream.destroy();
      client.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      passed += chunk.length;
      client.write(chunk, () => {
        if (passed > bytesUntilCut) end();
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpAfter(() => void server.close());
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, connections: () => connections };
}
