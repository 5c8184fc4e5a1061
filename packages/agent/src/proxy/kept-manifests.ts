/**
 * Manifests as the registry sent them, in memory: a tag that has not moved is not sent again by the registry, and while
 * the registry is away they stand in for it, for as long as the operator allows.
 */
import type { OutgoingHttpHeaders } from 'node:http';

export interface KeptManifest {
  headers: OutgoingHttpHeaders;
  /** Undefined: only its HEAD was seen. */
  body: Buffer | undefined;
  /** When the registry last said so, ms since the epoch. */
  atMs: number;
}

export interface KeptManifests {
  keep(key: string, manifest: KeptManifest): void;
  get(key: string): KeptManifest | undefined;
}

/** Larger ones are passed on and not kept. */
export const LARGEST_KEPT_BYTES = 8 * 1024 * 1024;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST = 10_000;

export function createKeptManifests(): KeptManifests {
  /** The least recently used first. */
  const kept = new Map<string, KeptManifest>();
  let bytes = 0;
  const drop = (key: string): void => {
    bytes -= kept.get(key)?.body?.length ?? 0;
    kept.delete(key);
  };
  return {
    keep(key, manifest) {
      const before = kept.get(key);
      const isSame = before?.headers['docker-content-digest'] === manifest.headers['docker-content-digest'];
      const body = manifest.body ?? (isSame ? before?.body : undefined);
      drop(key);
      kept.set(key, { ...manifest, body });
      bytes += body?.length ?? 0;
      for (const [oldest] of kept) {
        if (bytes <= MOST_BYTES && kept.size <= MOST) break;
        drop(oldest);
      }
    },
    get(key) {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      kept.delete(key);
      kept.set(key, found);
      return found;
    },
  };
}

/** What the registry may answer differently to. */
export function keyOfManifest({ host, target, accept }: { host: string; target: string; accept: string }): string {
  // Engines say what they take in any order.
  return JSON.stringify([host, target, accept.split(/\s*,\s*/).sort()]);
}
