/**
 * A registry as a source of images, over the distribution API.
 * Decides what is asked for and how answers are checked; logins, retries and resumption are in the files beside.
 */

import type { Descriptor, Digest, Reference } from '@shoal/oci';
import { formatReference, isDigest, MANIFEST_MEDIA_TYPES, MAX_MANIFEST_BYTES } from '@shoal/oci';
import { readBlobThroughCuts } from './blob-reader.ts';
import { createRegistryClient, type RegistryClient, readAnswer } from './client.ts';
import { abortedError, RegistryError } from './errors.ts';
import { checkRange } from './file-tree.ts';
import { checkedManifest } from './manifests.ts';
import { type RegistryOptions, type RegistrySettings, settingsOf } from './options.ts';
import { type RegistryDependencies, systemDependencies, withRetries } from './retry.ts';
import type { ImageSource, ReadBlobOptions, ResolvedManifest } from './source.ts';
import { createTransport } from './transport.ts';

/** Throws INVALID_OPTIONS; connects to nothing yet. */
export function createRegistrySource(
  options: RegistryOptions,
  dependencies: RegistryDependencies = systemDependencies,
): ImageSource {
  const settings = settingsOf(options);
  const transport = createTransport(settings);
  const client = createRegistryClient(settings, { transport, dependencies });
  const parts = { client, settings, dependencies };
  const closing = new AbortController();

  async function fetchManifest(request: ManifestRequest, signal?: AbortSignal): Promise<ResolvedManifest> {
    checkRepository(request.repository);
    const linked = linkSignals(closing.signal, signal);
    try {
      const attempt = () => getManifest(parts, request, linked.signal);
      return await withRetries(attempt, { policy: settings, dependencies, signal: linked.signal });
    } finally {
      linked.release();
    }
  }

  async function* readBlob(repository: string, blob: Descriptor, options: ReadBlobOptions = {}) {
    const { offset = 0, end = blob.size, signal } = options;
    checkRepository(repository);
    if (!isDigest(blob.digest))
      throw new RegistryError('INVALID_NAME', `${JSON.stringify(String(blob.digest))} is no digest.`);
    checkRange(blob, { start: offset, end });
    const subject = `${settings.host}/${repository}@${blob.digest}`;
    const linked = linkSignals(closing.signal, signal);
    try {
      if (linked.signal.aborted) throw abortedError(subject);
      yield* readBlobThroughCuts(parts, { repository, blob, offset, end, subject, signal: linked.signal });
    } finally {
      linked.release();
    }
  }

  return {
    name: settings.host,
    resolve(reference: Reference, signal?: AbortSignal) {
      const { repository, digest, tag } = reference;
      return fetchManifest({ repository, digest, tag, subject: formatReference(reference) }, signal);
    },
    manifest(repository: string, digest: Digest, signal?: AbortSignal) {
      return fetchManifest({ repository, digest, subject: `${settings.host}/${repository}@${digest}` }, signal);
    },
    readBlob,
    async close() {
      closing.abort();
      await transport.close();
    },
  };
}

interface ManifestRequest {
  repository: string;
  digest?: Digest | undefined;
  tag?: string | undefined;
  subject: string;
}

async function getManifest(
  { client, settings }: { client: RegistryClient; settings: RegistrySettings },
  { repository, digest, tag = 'latest', subject }: ManifestRequest,
  signal: AbortSignal,
): Promise<ResolvedManifest> {
  const answer = await client.get({
    repository,
    path: `manifests/${digest ?? encodeURIComponent(tag)}`,
    headers: { accept: MANIFEST_MEDIA_TYPES.join(', ') },
    subject,
    kind: 'manifest',
    signal,
  });
  const bytes = await readAnswer(answer, { maxBytes: MAX_MANIFEST_BYTES, subject, onBytes: settings.onBytes });
  return checkedManifest(bytes, {
    subject,
    digest,
    declaredType: answer.headers['content-type'],
    badCode: 'BAD_RESPONSE',
  });
}

/** Names come from other machines too: nothing but a name may become part of a url's path. */
function checkRepository(repository: string): void {
  if (
    repository.length <= 255 &&
    /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/.test(repository)
  )
    return;
  throw new RegistryError('INVALID_NAME', `${JSON.stringify(repository.slice(0, 255))} is no repository name.`);
}

/** A signal that fires with either; released by hand, so that a long-lived source holds no finished work. */
function linkSignals(lasting: AbortSignal, passing?: AbortSignal): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = passing ? [lasting, passing] : [lasting];
  for (const signal of signals) {
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  }
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) signal.removeEventListener('abort', stop);
    },
  };
}
