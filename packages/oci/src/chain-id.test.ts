import { describe, expect, it } from 'vitest';
import { chainIds, imageLayers } from './chain-id.ts';
import { parseDiffId } from './digest.ts';
import { parseImageConfig } from './image-config.ts';
import type { ImageManifest } from './manifest.ts';
import { parseManifest } from './manifest.ts';
import { errorOf, imageOf } from './oci.testkit.ts';

// Computed with sha256sum: SHA-256 of 'a', 'b' and 'c', then of "chainID diffID".
const DIFF_IDS = [
  'sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
  'sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d',
  'sha256:2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6',
].map(parseDiffId);
const SECOND_CHAIN = 'sha256:51c0c8ace48498d6f5fee6b0592cc06f2da0f3cbe09c5a34a97dce85c3889676';
const THIRD_CHAIN = 'sha256:2fce7f8ce91bcf0a1428b36e1024639fdbd9469eea762dba98aa749631885106';

describe('chainIds', () => {
  it('starts with the first diffID and hashes each chain with the next', () => {
    expect(chainIds(DIFF_IDS)).toEqual([DIFF_IDS[0], SECOND_CHAIN, THIRD_CHAIN]);
  });

  it('is empty without layers', () => {
    expect(chainIds([])).toEqual([]);
  });
});

describe('imageLayers', () => {
  it('pairs the layers of a manifest with diffIDs and chainIDs in order', () => {
    const { bytes, config, diffIds, layers } = imageOf(['base', 'app']);
    const paired = imageLayers(parseManifest(bytes) as ImageManifest, parseImageConfig(config));
    const chains = chainIds(diffIds);
    expect(paired).toEqual(layers.map((descriptor, i) => ({ descriptor, diffId: diffIds[i], chainId: chains[i] })));
  });

  it('refuses a config with another number of layers', () => {
    const manifest = parseManifest(imageOf(['base', 'app']).bytes) as ImageManifest;
    const error = errorOf(() => imageLayers(manifest, parseImageConfig(imageOf(['base']).config)));
    expect(error.code).toBe('LAYERS_MISMATCH');
    expect(error.message).toContain('2 layers');
  });
});
