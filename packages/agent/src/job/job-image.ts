/** An image of a job as the tracker sent it, checked against its digests and parsed. */
import {
  type Descriptor,
  type Digest,
  digestHex,
  digestOf,
  type ImageConfig,
  type ImageManifest,
  parseDigest,
  parseImageConfig,
  parseManifest,
  parseReference,
  type Reference,
} from '@shoal/oci';
import type { JobImage } from '@shoal/tracker/client';
import { AgentError } from '../errors.ts';

export interface ParsedImage {
  text: string;
  reference: Reference;
  manifest: { bytes: Buffer; mediaType: string; digest: Digest };
  config: { bytes: Buffer; digest: Digest };
  parsedManifest: ImageManifest;
  parsedConfig: ImageConfig;
  /** Each layer blob once. */
  layers: Descriptor[];
  /** Compressed layers and config. */
  imageBytes: number;
}

/** Throws INVALID_JOB when bytes and digests disagree: a tracker is believed no more than a peer. */
export function parseJobImage(image: JobImage): ParsedImage {
  const manifest = {
    bytes: checked(image.manifest),
    mediaType: image.manifest.mediaType,
    digest: parseDigest(image.manifest.digest),
  };
  const config = { bytes: checked(image.config), digest: parseDigest(image.config.digest) };
  const parsedManifest = parseManifest(manifest.bytes, manifest.mediaType);
  if (parsedManifest.kind === 'index')
    throw new AgentError('INVALID_JOB', `${image.reference} is an index, not one image`);
  const layers = [...new Map(parsedManifest.layers.map((layer) => [layer.digest, layer])).values()];
  return {
    text: image.reference,
    reference: withTag(parseReference(image.reference), manifest.digest),
    manifest,
    config,
    parsedManifest,
    parsedConfig: parseImageConfig(config.bytes),
    layers,
    imageBytes: layers.reduce((sum, layer) => sum + layer.size, config.bytes.length),
  };
}

/** An image named by its digest alone gets a tag that says so: without one an engine would prune it. */
function withTag(reference: Reference, digest: Digest): Reference {
  return reference.tag === undefined ? { ...reference, tag: `sha256-${digestHex(digest).slice(0, 12)}` } : reference;
}

function checked({ digest, data }: { digest: string; data: string }): Buffer {
  const bytes = Buffer.from(data, 'base64');
  if (digestOf(bytes) !== digest) throw new AgentError('INVALID_JOB', `the bytes sent for ${digest} are others`);
  return bytes;
}
