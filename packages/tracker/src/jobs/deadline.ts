/**
 * Warns of a deadline that the bandwidth policy does not let a job keep. Reads what hosts have had before; the sums are
 * forecast.ts.
 */
import { OCI_MANIFEST, parseManifest } from '@shoal/oci';
import type { Policy } from '@shoal/policy';
import type { KnownAgent } from '../session/agent-roster.ts';
import type { Presence } from '../session/presence.ts';
import type { HostImageStore } from '../store/host-image-store.ts';
import type { ZoneOf } from '../swarms/zones.ts';
import { forecast } from './forecast.ts';
import { imagesOf, type Job, type JobHost } from './job.ts';

export interface DeadlineDeps {
  policy(): Policy | undefined;
  zoneOf: ZoneOf;
  presence: Presence;
  hostImages: HostImageStore;
  document(digest: string): Buffer | undefined;
}

/** The warning's text; undefined without a deadline or when nothing speaks against it. */
export function deadlineWarning(deps: DeadlineDeps, job: Job, hosts: readonly KnownAgent[]): string | undefined {
  const { at, by } = job.terms;
  const policy = deps.policy();
  if (by === undefined || policy === undefined) return undefined;
  const lacking = createLacking(deps, job);
  const foreseen = forecast(policy, {
    class: job.class,
    hosts: hosts.map((host) => ({
      ...{ name: host.name, labels: host.labels, zone: deps.zoneOf(host), bytes: lacking(host) },
      address: deps.presence.get(host.peerId)?.host,
    })),
    fromMs: Math.max(job.createdAtMs, at === undefined ? 0 : Date.parse(at)),
    byMs: Date.parse(by),
  });
  if (foreseen === undefined) return undefined;
  const { lateHosts, readyMs, rule } = foreseen;
  const when = readyMs === undefined ? 'not within a week after it' : `about ${new Date(readyMs).toISOString()}`;
  return `${lateHosts} of ${hosts.length} hosts will not be ready by ${by}, but ${when}: the rule "${rule}" of the bandwidth policy leaves too little`;
}

/** Bytes that a host lacks, worked out once for all that run the same and had the same before. */
function createLacking({ hostImages, document }: DeadlineDeps, job: Job): (host: KnownAgent) => number {
  const layersOf = remember((digest) => readLayers(document(digest)));
  const bytesOf = remember((_key, host: JobHost, has: readonly string[]) => {
    const there = new Set(has.flatMap((digest) => layersOf(digest)));
    const layers = imagesOf(job, host).flatMap(({ variant }) => variant.layers);
    const lacks = new Map(layers.map(({ digest, size }) => [digest as string, there.has(digest) ? 0 : size]));
    return [...lacks.values()].reduce((sum, size) => sum + size, 0);
  });
  return ({ peerId }) => {
    const host = job.hosts.get(peerId);
    const has = hostImages.ofHost(peerId).map(({ digest }) => digest);
    return host === undefined ? 0 : bytesOf(`${host.variants} ${has}`, host, has);
  };
}

function remember<T, Rest extends unknown[]>(
  make: (key: string, ...rest: Rest) => T,
): (key: string, ...rest: Rest) => T {
  const known = new Map<string, T>();
  return (key, ...rest) => {
    const value = known.has(key) ? (known.get(key) as T) : make(key, ...rest);
    known.set(key, value);
    return value;
  };
}

function readLayers(bytes: Buffer | undefined): string[] {
  if (bytes === undefined) return [];
  const { mediaType } = JSON.parse(bytes.toString()) as { mediaType?: string };
  const manifest = parseManifest(bytes, mediaType ?? OCI_MANIFEST);
  return manifest.kind === 'manifest' ? manifest.layers.map(({ digest }) => digest) : [];
}
