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
import { type ForecastHost, forecast } from './forecast.ts';
import { imagesOf, type Job } from './job.ts';

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
  const layersOf = rememberLayers(deps);
  const foreseen = forecast(policy, {
    class: job.class,
    hosts: hosts.map((host) => forecastHost(deps, { job, host, layersOf })),
    fromMs: Math.max(job.createdAtMs, at === undefined ? 0 : Date.parse(at)),
    byMs: Date.parse(by),
  });
  if (foreseen === undefined) return undefined;
  const { lateHosts, readyMs, rule } = foreseen;
  const when = readyMs === undefined ? 'not within a week after it' : `about ${new Date(readyMs).toISOString()}`;
  return `${lateHosts} of ${hosts.length} hosts will not be ready by ${by}, but ${when}: the rule "${rule}" of the bandwidth policy leaves too little`;
}

type LayersOf = (manifestDigest: string) => readonly string[];

function forecastHost(
  deps: DeadlineDeps,
  { job, host, layersOf }: { job: Job; host: KnownAgent; layersOf: LayersOf },
): ForecastHost {
  const has = new Set(deps.hostImages.ofHost(host.peerId).flatMap(({ digest }) => layersOf(digest)));
  const jobHost = job.hosts.get(host.peerId);
  const layers = jobHost ? imagesOf(job, jobHost).flatMap(({ variant }) => variant.layers) : [];
  const lacks = new Map(layers.filter(({ digest }) => !has.has(digest)).map(({ digest, size }) => [digest, size]));
  return {
    ...{ name: host.name, labels: host.labels, zone: deps.zoneOf(host) },
    address: deps.presence.get(host.peerId)?.host,
    bytes: [...lacks.values()].reduce((sum, size) => sum + size, 0),
  };
}

function rememberLayers({ document }: DeadlineDeps): LayersOf {
  const known = new Map<string, readonly string[]>();
  return (digest) => {
    const layers = known.get(digest) ?? readLayers(document(digest));
    known.set(digest, layers);
    return layers;
  };
}

function readLayers(bytes: Buffer | undefined): string[] {
  if (bytes === undefined) return [];
  const { mediaType } = JSON.parse(bytes.toString()) as { mediaType?: string };
  const manifest = parseManifest(bytes, mediaType ?? OCI_MANIFEST);
  return manifest.kind === 'manifest' ? manifest.layers.map(({ digest }) => digest) : [];
}
