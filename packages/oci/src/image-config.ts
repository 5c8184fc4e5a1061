/**
 * The part of an image config that distribution needs: platform and diffIDs. What a container
 * does with the rest is the engine's business.
 */
import { readDigest } from './descriptor.ts';
import type { DiffId } from './digest.ts';
import type { Place } from './json.ts';
import { asArray, asObject, asOptionalString, at, parseJsonObject, wrong } from './json.ts';
import { MAX_CONFIG_BYTES, MAX_LAYERS } from './manifest.ts';

export interface ImageConfig {
  os: string;
  architecture: string;
  variant?: string;
  /** Windows: `10.0.<build>.<UBR>`. */
  osVersion?: string;
  diffIds: DiffId[];
}

const CONFIG: Place = { code: 'INVALID_CONFIG', where: 'the image config' };

/** @throws OciError INVALID_CONFIG, TOO_LARGE */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const json = parseJsonObject(bytes, CONFIG, MAX_CONFIG_BYTES);
  const os = asOptionalString(json.os, at(CONFIG, 'os'));
  const architecture = asOptionalString(json.architecture, at(CONFIG, 'architecture'));
  // Charts, signatures and other artifacts have manifests too; this is where they show.
  if (os === undefined || architecture === undefined || json.rootfs === undefined) {
    throw wrong(
      CONFIG,
      'lacks os, architecture or rootfs: the reference is not a container image (a chart or a signature?)',
    );
  }
  const variant = asOptionalString(json.variant, at(CONFIG, 'variant'));
  const osVersion = asOptionalString(json['os.version'], at(CONFIG, 'os.version'));
  return {
    os,
    architecture,
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
    diffIds: readDiffIds(json.rootfs),
  };
}

function readDiffIds(rootfs: unknown): DiffId[] {
  const place = at(CONFIG, 'rootfs.diff_ids');
  const list = asArray(asObject(rootfs, at(CONFIG, 'rootfs')).diff_ids, place, MAX_LAYERS);
  return list.map((diffId) => readDigest(diffId, place) as string as DiffId);
}
