/**
 * A source that reads each manifest once: who looks at an image before ordering it asks the registry no second time,
 * and orders what was looked at even if the tag has moved on. Does not remember blobs.
 */
import { type Digest, formatReference, type Reference } from '@shoal/oci';
import type { ImageSource, ResolvedManifest } from '@shoal/registry';

export function rememberingSource(source: ImageSource): ImageSource {
  const known = new Map<string, Promise<ResolvedManifest>>();
  const once = (key: string, read: () => Promise<ResolvedManifest>) => {
    const found = known.get(key) ?? read();
    known.set(key, found);
    found.catch(() => known.delete(key));
    return found;
  };
  return {
    name: source.name,
    resolve: (reference: Reference, signal) =>
      once(formatReference(reference), () => source.resolve(reference, signal)),
    manifest: (repository: string, digest: Digest, signal) =>
      once(`${repository}@${digest}`, () => source.manifest(repository, digest, signal)),
    readBlob: (repository, blob, options) => source.readBlob(repository, blob, options),
    close: () => source.close(),
  };
}
