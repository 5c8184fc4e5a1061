/** A job runner over real swarms and a real store, with a twin of the exit and a test in the tracker's place. */
import { type Digest, digestOf } from '@shoal/oci';
import type { AgentMessageOf, ImageReport, JobImage, TrackerMessageOf } from '@shoal/tracker/client';
import { onTestFinished } from 'vitest';
import type { TestBlob } from '../store/store.testkit.ts';
import { silent } from '../swarm/host.testkit.ts';
import { arrive, type TestSwarms, testSwarms } from '../swarm/swarms.testkit.ts';
import { until } from '../wait.testkit.ts';
import type { HandedOver, ImageExit } from './image-exit.ts';
import type { ParsedImage } from './job-image.ts';
import { JobRunner } from './job-runner.ts';

export interface TestImage {
  job: JobImage;
  layers: TestBlob[];
  imageBytes: number;
}

/** An image whose layers are these blobs; nothing could run it. */
export function imageOf(layers: TestBlob[], { mark = 'a' } = {}): TestImage {
  const config = Buffer.from(
    JSON.stringify({
      ...{ os: 'linux', architecture: 'amd64', mark },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = Buffer.from(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType },
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
      layers: layers.map(({ digest, size }) => ({ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size })),
    }),
  );
  const data = (bytes: Buffer) => ({ digest: digestOf(bytes), data: bytes.toString('base64') });
  const unique = new Map(layers.map((layer) => [layer.digest, layer.size]));
  return {
    job: {
      reference: `registry.test/team/${mark}:1`,
      manifest: { mediaType, ...data(manifest) },
      config: data(config),
    },
    layers,
    imageBytes: [...unique.values()].reduce((sum, size) => sum + size, config.length),
  };
}

export interface TwinExit extends ImageExit {
  arriving?: ImageExit['arriving'];
  /** Layers the host has already. */
  present: Set<Digest>;
  handed: ParsedImage[];
  /** Until when each was to be kept. */
  keptUntilMs: number[];
  before: (image: ParsedImage, signal: AbortSignal) => Promise<void> | void;
  /** Layers it took in ahead of their image, by who came next; and images that ended. */
  ahead: { next: Digest[]; ended: number };
}

/** A twin of the exit that reads every layer, as an engine would. */
function twinExit(): TwinExit {
  const exit: TwinExit = {
    ...{ present: new Set(), handed: [], keptUntilMs: [], before: () => {}, ahead: { next: [], ended: 0 } },
    missing: async ({ layers }) => layers.filter(({ digest }) => !exit.present.has(digest)),
    async handOver(image, readBlob, { signal, keepUntilMs, onProgress }): Promise<HandedOver> {
      await exit.before(image, signal);
      let archiveBytes = 0;
      for (const { digest } of image.layers) {
        if (exit.present.has(digest)) continue;
        for await (const chunk of readBlob(digest)) archiveBytes += chunk.length;
        onProgress(archiveBytes);
      }
      exit.handed.push(image);
      exit.keptUntilMs.push(keepUntilMs);
      return { exit: 'engine', imageId: image.config.digest, archiveBytes };
    },
  };
  return exit;
}

/** From now on the twin takes in layers while others come. */
export function takeInAhead(exit: TwinExit, littleBytes: number): void {
  exit.arriving = {
    littleBytes,
    takeIn: async (_image, next) => exit.ahead.next.push(next),
    end: async () => void exit.ahead.ended++,
    sweep: async () => {},
  };
}

export interface TestJobs extends TestSwarms {
  jobs: JobRunner;
  /** What the cache was told. */
  told: { kept: [Digest, number][]; loaded: Digest[]; rounds: number };
  exit: TwinExit;
  isTrackerThere: boolean;
  start(jobId: string, ...images: TestImage[]): void;
  /** The same, and a person waits. */
  pull(jobId: string, ...images: TestImage[]): void;
  /** The job's latest report. */
  report(jobId: string): ImageReport[];
  reached(jobId: string, ...states: ImageReport['state'][]): Promise<ImageReport[]>;
}

export async function testJobs(): Promise<TestJobs> {
  const kit = await testSwarms();
  const exit = twinExit();
  const told: TestJobs['told'] = { kept: [], loaded: [], rounds: 0 };
  const jobs = new JobRunner({
    cache: {
      keep: (digest, untilMs) => void told.kept.push([digest, untilMs]),
      loaded: (digests) => void told.loaded.push(...digests),
      round: async () => void told.rounds++,
    },
    ...{ swarms: kit.swarms, store: kit.host.store, exit, logger: silent, send: kit.send },
    peerName: (peerId) => kit.names.get(peerId) ?? peerId,
    isTrackerThere: () => self.isTrackerThere,
  });
  onTestFinished(() => jobs.stop());
  const self: TestJobs = {
    ...{ ...kit, jobs, exit, told, isTrackerThere: true },
    start: (jobId, ...images) => jobs.start(jobMessage(jobId, images)),
    pull: (jobId, ...images) => jobs.start({ ...jobMessage(jobId, images), class: 'pull' }),
    report: (jobId) => kit.saidOf('report').findLast((report) => report.jobId === jobId)?.images ?? [],
    reached: async (jobId, ...states) => {
      await until(`${jobId}: ${states}`, () => String(self.report(jobId).map(({ state }) => state)) === String(states));
      return self.report(jobId);
    },
  };
  return self;
}

export function jobMessage(jobId: string, images: TestImage[]): TrackerMessageOf<'job'> {
  return { type: 'job', jobId, class: 'prewarm', images: images.map(({ job }) => job) };
}

/** Answers the join of each blob and lets it arrive. */
export async function deliver(kit: TestJobs, ...blobs: TestBlob[]): Promise<void> {
  for (const blob of blobs) {
    await until('the join', () => joinsOf(kit, blob).length > 0);
    await kit.joined(blob);
    await arrive(kit, blob);
  }
}

export function joinsOf(kit: TestJobs, blob: TestBlob): AgentMessageOf<'join'>[] {
  return kit.saidOf('join').filter(({ digest }) => digest === blob.digest);
}
