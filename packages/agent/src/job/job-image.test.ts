import { digestOf } from '@shoal/oci';
import type { JobImage } from '@shoal/tracker/client';
import { describe, expect, it } from 'vitest';
import { parseJobImage } from './job-image.ts';

function imageNamed(reference: string, layers: { digest: string; size: number }[] = []): JobImage {
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const layerType = 'application/vnd.oci.image.layer.v1.tar';
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: layers.map((layer) => ({ mediaType: layerType, ...layer })),
    }),
  );
  return {
    reference,
    manifest: { mediaType: type, digest: digestOf(manifest), data: manifest.toString('base64') },
    config: { digest: digestOf(config), data: config.toString('base64') },
  };
}

describe('an image of a job', () => {
  it('named by its digest alone gets a tag, so that no engine prunes it', () => {
    const plain = imageNamed('registry.test/team/app');
    const image = parseJobImage({ ...plain, reference: `registry.test/team/app@${plain.manifest.digest}` });
    expect(image.reference.tag).toBe(`sha256-${plain.manifest.digest.slice('sha256:'.length).slice(0, 12)}`);
    expect(image.text).toContain('@sha256:');
  });

  it('named by a tag keeps it', () => {
    expect(parseJobImage(imageNamed('registry.test/team/app:7')).reference.tag).toBe('7');
  });

  it('counts a layer that stands in it twice once', () => {
    const layer = { digest: digestOf(Buffer.from('layer')), size: 1000 };
    const image = parseJobImage(imageNamed('registry.test/team/app:1', [layer, layer]));
    expect(image.layers).toHaveLength(1);
    expect(image.imageBytes).toBe(1000 + image.config.bytes.length);
  });

  it('whose bytes are not their digest is refused', () => {
    const image = imageNamed('registry.test/team/app:1');
    const other = { ...image, config: { ...image.config, data: Buffer.from('{}').toString('base64') } };
    expect(() => parseJobImage(other)).toThrow(/INVALID_JOB|do not match their digests/);
  });
});
