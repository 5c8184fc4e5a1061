import { expect, it } from 'vitest';
import { chainIds, imageLayers } from './chain-id.ts';
import { digestOf, matchesDigest } from './digest.ts';
import { imageOfFirstLayers } from './first-layers.ts';
import { parseImageConfig } from './image-config.ts';
import { parseManifest } from './manifest.ts';
import { DOCKER_MANIFEST, OCI_INDEX } from './media-types.ts';
import { bytesOf, errorOf, imageOf } from './oci.testkit.ts';

const image = imageOf(['base', 'patch', 'app']);
const config = bytesOf({
  ...{ os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.6293', 'os.features': ['win32k'] },
  ...{ config: { Cmd: ['cmd'] }, history: [{ created_by: 'base' }, { created_by: 'patch' }, { created_by: 'app' }] },
  rootfs: { type: 'layers', diff_ids: image.diffIds },
});
const manifest = bytesOf({
  ...image.document,
  config: { ...image.document.config, digest: digestOf(config), size: config.length },
});
const documents = {
  manifest: { bytes: manifest, mediaType: DOCKER_MANIFEST, digest: digestOf(manifest) },
  config: { bytes: config, digest: digestOf(config) },
};

it('has the first layers and their chains, and manifest and config belong together', () => {
  const first = imageOfFirstLayers(documents, 2);
  const parsed = parseManifest(first.manifest.bytes, first.manifest.mediaType);
  if (parsed.kind === 'index') throw new Error('an index');
  const layers = imageLayers(parsed, parseImageConfig(first.config.bytes));
  expect(layers.map(({ chainId }) => chainId)).toEqual(chainIds(image.diffIds).slice(0, 2));
  expect(layers.map(({ descriptor }) => descriptor)).toEqual(image.layers.slice(0, 2));
  expect(parsed.config).toMatchObject({ digest: first.config.digest, size: first.config.bytes.length });
  for (const { bytes, digest } of [first.manifest, first.config]) expect(matchesDigest(bytes, digest)).toBe(true);
});

it('stays an image of its platform, without a history of layers it lacks', () => {
  const first = JSON.parse(Buffer.from(imageOfFirstLayers(documents, 1).config.bytes).toString());
  expect(first).toEqual({
    ...{ os: 'windows', architecture: 'amd64', 'os.version': '10.0.17763.6293', 'os.features': ['win32k'] },
    ...{ config: { Cmd: ['cmd'] }, rootfs: { type: 'layers', diff_ids: image.diffIds.slice(0, 1) } },
  });
});

it('of an index there is none', () => {
  const bytes = bytesOf({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
  const index = { ...documents, manifest: { bytes, mediaType: OCI_INDEX, digest: digestOf(bytes) } };
  expect(errorOf(() => imageOfFirstLayers(index, 1)).code).toBe('UNSUPPORTED_MANIFEST');
});
