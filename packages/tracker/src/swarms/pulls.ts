/**
 * Who may read a blob because a client of its registry proxy pulls it: the registry is asked, with that client's own
 * credentials, which are kept nowhere. Only registries that the operator has named are asked: an agent cannot send the
 * tracker to any address it likes.
 */
import type { Upstream } from '@shoal/registry';
import type { Pull } from '../client/session-messages.ts';
import { TrackerError } from '../errors.ts';
import type { BlobRight } from './rights.ts';

/** Undefined: the operator has named no such registry. */
export type OpenUpstream = (registry: string) => AskedUpstream | undefined;
type AskedUpstream = Pick<Upstream, 'request' | 'close'>;

export interface Pulls {
  /** Rejects with TrackerError PULL_REFUSED, UNKNOWN_REGISTRY, PULL_UNCHECKED. */
  rightOf(pull: Pull, digest: string): Promise<BlobRight>;
  close(): Promise<void>;
}

const ASK_MS = 10_000;

export function createPulls(openUpstream: OpenUpstream): Pulls {
  const upstreams = new Map<string, AskedUpstream>();
  const upstreamOf = (registry: string): AskedUpstream => {
    const host = registry.toLowerCase();
    const upstream = upstreams.get(host) ?? openUpstream(host);
    if (upstream === undefined) throw new TrackerError('UNKNOWN_REGISTRY', registry);
    upstreams.set(host, upstream);
    return upstream;
  };
  return {
    async rightOf({ registry, repository, authorization }, digest) {
      const upstream = upstreamOf(registry);
      const target = `/v2/${repository}/blobs/${digest}`;
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const signal = AbortSignal.timeout(ASK_MS);
      const answer = await upstream.request({ method: 'HEAD', target, headers, signal }).catch((error: unknown) => {
        throw new TrackerError('PULL_UNCHECKED', registry, { cause: error });
      });
      answer.discard();
      const size = Number(answer.headers['content-length']);
      if (answer.status >= 500 || answer.status === 429) throw new TrackerError('PULL_UNCHECKED', registry);
      if (answer.status !== 200 || !Number.isSafeInteger(size)) throw new TrackerError('PULL_REFUSED', digest);
      const descriptor = { mediaType: 'application/octet-stream', digest, size };
      return { size, class: 'pull', source: { registry, repository, descriptor } as BlobRight['source'] };
    },
    async close() {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
    },
  };
}
