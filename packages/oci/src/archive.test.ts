import { describe, expect, it } from 'vitest';
import type { ArchiveEntry } from './archive.ts';
import { blobPath, planArchive } from './archive.ts';
import { chainIds } from './chain-id.ts';
import type { ChainId, Digest } from './digest.ts';
import { digestHex, digestOf } from './digest.ts';
import { DOCKER_FOREIGN_LAYER, DOCKER_MANIFEST, OCI_INDEX } from './media-types.ts';
import { bytesOf, descriptorOf, diffIdOf, errorOf, imageOf } from './oci.testkit.ts';
import { parseReference } from './reference.ts';

type Image = ReturnType<typeof imageOf>;

function plan(image: Image, { name = 'h.io/team/a:1', present = [] as (ChainId | undefined)[] } = {}): ArchiveEntry[] {
  return planArchive({
    reference: parseReference(name),
    manifest: { bytes: image.bytes, mediaType: DOCKER_MANIFEST },
    config: image.config,
    presentChains: new Set(present.filter((chain) => chain !== undefined)),
  });
}

function documentAt(entries: ArchiveEntry[], path: string) {
  const entry = entries.find((candidate) => candidate.path === path);
  if (entry === undefined || !('bytes' in entry)) throw new Error(`no document at ${path}`);
  expect(entry.size).toBe(entry.bytes.byteLength);
  return JSON.parse(Buffer.from(entry.bytes).toString());
}

function blobsIn(entries: ArchiveEntry[]): Digest[] {
  return entries.flatMap((entry) => ('blob' in entry ? [entry.blob] : []));
}

describe('planArchive', () => {
  const image = imageOf(['base', 'lib', 'app']);
  const digests = image.layers.map((layer) => layer.digest);
  const chains = chainIds(image.diffIds);

  it('orders layout, index, manifest, config, layers and the docker manifest', () => {
    expect(plan(image).map((entry) => entry.path)).toEqual([
      'oci-layout',
      'index.json',
      blobPath(digestOf(image.bytes)),
      blobPath(digestOf(image.config)),
      ...digests.map(blobPath),
      'manifest.json',
    ]);
    expect(blobPath(digestOf(image.config))).toBe(`blobs/sha256/${digestHex(digestOf(image.config))}`);
  });

  it('carries manifest and config byte for byte, and layers by digest and size', () => {
    const entries = plan(image);
    expect(entries[2]).toMatchObject({ bytes: image.bytes, size: image.bytes.byteLength });
    expect(entries[3]).toMatchObject({ bytes: image.config, size: image.config.byteLength });
    expect(entries[4]).toEqual({ path: blobPath(digests[0] as Digest), size: 100, blob: digests[0] });
  });

  it('names the image for both kinds of store', () => {
    const entries = plan(image, { name: 'nginx:1.27' });
    expect(documentAt(entries, 'oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(documentAt(entries, 'index.json')).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        {
          mediaType: DOCKER_MANIFEST,
          digest: digestOf(image.bytes),
          size: image.bytes.byteLength,
          annotations: {
            'io.containerd.image.name': 'docker.io/library/nginx:1.27',
            'org.opencontainers.image.ref.name': '1.27',
          },
        },
      ],
    });
    expect(documentAt(entries, 'manifest.json')).toEqual([
      { Config: blobPath(digestOf(image.config)), RepoTags: ['nginx:1.27'], Layers: digests.map(blobPath) },
    ]);
  });

  it('gives no name to an image asked for by digest only', () => {
    const entries = plan(image, { name: `h.io/team/a@${digestOf(image.bytes)}` });
    expect(documentAt(entries, 'manifest.json')[0].RepoTags).toBeNull();
    expect(documentAt(entries, 'index.json').manifests[0]).not.toHaveProperty('annotations');
  });

  it('names an image asked for by tag and digest by its tag', () => {
    const entries = plan(image, { name: `h.io/team/a:1@${digestOf(image.bytes)}` });
    expect(documentAt(entries, 'manifest.json')[0].RepoTags).toEqual(['h.io/team/a:1']);
    const { annotations } = documentAt(entries, 'index.json').manifests[0];
    expect(annotations['io.containerd.image.name']).toBe('h.io/team/a:1');
  });

  it('leaves out the layers whose chain is present, and still names their paths', () => {
    const entries = plan(image, { present: chains.slice(0, 2) });
    expect(blobsIn(entries)).toEqual([digests[2]]);
    expect(documentAt(entries, 'manifest.json')[0].Layers).toEqual(digests.map(blobPath));
  });

  it('goes by the chain, not by the diffID: a layer known on another base stays in', () => {
    const elsewhere = chainIds([diffIdOf('other'), diffIdOf('lib')])[1];
    expect(blobsIn(plan(image, { present: [elsewhere] }))).toEqual(digests);
  });

  it('writes a repeated layer once, also when only one of its chains is present', () => {
    const repeated = imageOf(['base', 'empty', 'app', 'empty']);
    const [base, empty, app] = repeated.layers.map((layer) => layer.digest);
    expect(blobsIn(plan(repeated))).toEqual([base, empty, app]);
    expect(documentAt(plan(repeated), 'manifest.json')[0].Layers).toHaveLength(4);
    expect(blobsIn(plan(repeated, { present: chainIds(repeated.diffIds).slice(0, 2) }))).toEqual([app, empty]);
  });

  it('keeps the descriptors of foreign layers as LayerSources', () => {
    const urls = ['https://mcr.example.com/v2/x/blobs/y'];
    const base = descriptorOf('base', { mediaType: DOCKER_FOREIGN_LAYER, urls, size: 4_069_985_900 });
    const foreign = imageOf(['base', 'app'], [base, descriptorOf('app')]);
    const entries = plan(foreign);
    expect(documentAt(entries, 'manifest.json')[0].LayerSources).toEqual({ [diffIdOf('base')]: base });
    expect(blobsIn(entries)).toEqual(foreign.layers.map((layer) => layer.digest));
  });

  it('takes a layer over 8 GiB as it is', () => {
    const size = 9 * 1024 ** 3;
    const big = imageOf(['big'], [descriptorOf('big', { size })]);
    expect(plan(big).find((entry) => 'blob' in entry)).toMatchObject({ size });
  });

  it('refuses a config that is not the one the manifest names', () => {
    const error = errorOf(() => plan({ ...image, config: imageOf(['base', 'lib', 'other']).config }));
    expect(error.code).toBe('CONFIG_MISMATCH');
  });

  it('refuses a manifest and a config that differ in their number of layers', () => {
    const bytes = bytesOf({ ...image.document, layers: image.layers.slice(1) });
    expect(errorOf(() => plan({ ...image, bytes })).code).toBe('LAYERS_MISMATCH');
  });

  it('refuses an index', () => {
    const bytes = bytesOf({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    const input = { reference: parseReference('a'), manifest: { bytes, mediaType: OCI_INDEX }, config: image.config };
    expect(errorOf(() => planArchive({ ...input, presentChains: new Set() })).code).toBe('UNSUPPORTED_MANIFEST');
  });
});
