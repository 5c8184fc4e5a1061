/**
 * Carries out the jobs the tracker sends: for each image fetches what this host lacks and hands it
 * over, and reports how far it is. A job that is sent again goes on where it is. Decides the order
 * of images (one load at a time, pulls first) and how many blobs are fetched at once.
 */

import { setMaxListeners } from 'node:events';
import { type Digest, parseDigest } from '@shoal/oci';
import type { AgentMessage, ImageReport, JobClass, JobImage, TrackerMessageOf } from '@shoal/tracker/client';
import type { Logger } from 'pino';
import { EngineError, type ReadBlob } from '../engine/index.ts';
import { AgentError, toSessionError } from '../errors.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { Swarms } from '../swarm/swarms.ts';
import { createCacheExit, type ImageExit } from './image-exit.ts';
import { createJobEvents, type JobEvents } from './job-events.ts';
import { type ParsedImage, parseJobImage } from './job-image.ts';
import { type FetchLayer, fetchInOrder, takeInAhead } from './layers-in-order.ts';
import { Turns } from './turns.ts';

export interface JobRunnerOptions {
  swarms: Swarms;
  store: BlobStore;
  exit: ImageExit;
  cache: JobCache;
  logger: Logger;
  send(message: AgentMessage): void;
  peerName(peerId: string): string;
  /** Without a session events wait for the next one. */
  isTrackerThere(): boolean;
}

/** What the cache is told of jobs; it asks `jobOf` itself. */
export interface JobCache {
  /** Milliseconds since the epoch. */
  keep(digest: Digest, untilMs: number): void;
  loaded(digests: readonly Digest[]): void;
  /** A job was closed: what it needed may go. */
  round(): Promise<void>;
}

interface Job {
  id: string;
  class: JobClass;
  priority: number | undefined;
  byMs: number | undefined;
  /** Milliseconds since the epoch; 0: not longer than any other. */
  keepUntilMs: number;
  /** Nothing is loaded, whatever this host's exit is. */
  cacheOnly: boolean;
  reportMs: number;
  reportedMs: number;
  images: ImageRun[];
  events: JobEvents;
  abort: AbortController;
}

interface ImageRun {
  report: ImageReport;
  /** Once it is parsed. */
  image?: ParsedImage;
  /** Blobs this image waits for, with what peers had sent of each before. */
  wanted: { image: ParsedImage; before: Map<string, Map<string, number>> } | undefined;
  /** Sent into the engine before all layers were there. */
  aheadBytes: number;
}

/**
 * Blobs fetched at once: each costs memory for the pieces it receives, at most 64 MiB (as the core
 * has it) or its size. So four of 8 GB, and the 40 layers of 2 MB of an image in two rounds: small
 * ones take round trips, not bandwidth.
 */
const BLOBS = { most: 32, mostBytes: 256 * 1024 * 1024 };
const BLOB_MEMORY_BYTES = 64 * 1024 * 1024;
const TOP_FEEDERS = 8;
const CACHE_EXIT = createCacheExit();

export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #jobs = new Map<string, Job>();
  /** A pull does not wait for the blobs of a pre-warm, whatever they take. */
  readonly #blobs = { pull: new Turns(BLOBS), prewarm: new Turns(BLOBS) };
  readonly #exits = new Turns({ most: 1 });

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /** Starts a job. One that is known is reported, and its failed images are tried again. */
  start(message: TrackerMessageOf<'job'>): void {
    const { jobId, images } = message;
    const known = this.#jobs.get(jobId);
    const job = known ?? newJob(message, this.#instantOf(message.keepUntil));
    this.#jobs.set(jobId, job);
    images.forEach((image, index) => {
      const run = job.images[index];
      if (run === undefined || (known !== undefined && run.report.state !== 'failed')) return;
      Object.assign(run, newRun(image));
      void this.#run(job, run, image);
    });
    if (known !== undefined) this.#send(job);
  }

  closed({ jobId }: TrackerMessageOf<'jobClosed'>): void {
    this.#jobs.get(jobId)?.abort.abort(new AgentError('ABORTED', 'the job was closed'));
    if (this.#jobs.delete(jobId)) void this.#options.cache.round();
  }

  /** Asked now and then: the tracker closes those that ended while there was no session. */
  sayEnded(): void {
    for (const job of this.#jobs.values()) if (!job.images.some(isRunning)) this.#send(job);
  }

  /** An open job that names the blob, whether this host has loaded it already or not. */
  jobOf(digest: Digest): string | undefined {
    return this.#find(({ layers }) => layers.some((layer) => layer.digest === digest));
  }

  /** An open job that names the image by its manifest. */
  jobOfImage(manifestDigest: string): string | undefined {
    return this.#find(({ manifest }) => manifest.digest === manifestDigest);
  }

  /** How often the tracker wants to hear of what moves. */
  get reportMs(): number {
    return Math.max(0, ...[...this.#jobs.values()].map(({ reportMs }) => reportMs));
  }

  /** Reports of running jobs that are due; called a few times a second. Without a time all of them. */
  report(nowMs = Number.POSITIVE_INFINITY): void {
    for (const job of this.#jobs.values()) {
      if (nowMs - job.reportedMs < job.reportMs) continue;
      job.reportedMs = nowMs;
      const running = job.images.filter(isRunning);
      if (running.length === 0) continue;
      for (const run of running) this.#measure(run);
      this.#send(job);
    }
  }

  reports(): { jobId: string; images: ImageReport[] }[] {
    return [...this.#jobs.values()].map(({ id, images }) => ({
      jobId: id,
      images: images.map(({ report }) => report),
    }));
  }

  stop(): void {
    for (const { abort } of this.#jobs.values()) abort.abort(new AgentError('ABORTED', 'the agent is stopping'));
  }

  #find(names: (image: ParsedImage) => boolean): string | undefined {
    const job = [...this.#jobs.values()].find(({ images }) => images.some(({ image }) => image && names(image)));
    return job?.id;
  }

  #instantOf(keepUntil: string | undefined): number {
    const instant = keepUntil === undefined ? 0 : Date.parse(keepUntil);
    if (Number.isFinite(instant)) return instant;
    this.#options.logger.warn({ event: 'bad keepUntil', untrusted: keepUntil }, 'keepUntil of a job is no instant');
    return 0;
  }

  async #run(job: Job, run: ImageRun, jobImage: JobImage): Promise<void> {
    const { logger, cache } = this.#options;
    const { signal } = job.abort;
    try {
      const image = parseJobImage(jobImage);
      run.image = image;
      run.report.imageBytes = image.imageBytes;
      if (job.keepUntilMs > 0) for (const { digest } of image.layers) cache.keep(digest, job.keepUntilMs);
      try {
        await this.#fetch(job, run, image);
        await this.#exits.run(job, () => this.#handOver(job, run, image));
      } finally {
        await this.#exitOf(job).arriving?.end(image);
      }
      run.report.state = 'ready';
      job.events.add({ level: 'info', event: 'image ready', reference: run.report.reference });
      logger.info({ event: 'image ready', reference: image.text, jobId: job.id, exit: run.report.exit }, 'image ready');
    } catch (error) {
      if (signal.aborted) return;
      run.report.state = 'failed';
      run.report.error = toSessionError(error);
      await this.#forgetRotten(error);
      const { code, text } = run.report.error;
      const { reference } = run.report;
      job.events.add({ level: 'error', event: 'image failed', reference, code, text });
      logger.error({ event: 'image failed', jobId: job.id, reference, code, untrusted: text }, 'image failed');
    }
    this.#measure(run);
    this.#send(job);
  }

  /** Bytes that were right when they came and are wrong as they leave: the next job fetches them anew. */
  async #forgetRotten(error: unknown): Promise<void> {
    if (!(error instanceof EngineError) || error.code !== 'BLOB_DIGEST_MISMATCH' || error.digest === undefined) return;
    await this.#options.swarms.forget(parseDigest(error.digest));
  }

  async #fetch(job: Job, run: ImageRun, image: ParsedImage): Promise<void> {
    const { store, swarms } = this.#options;
    const missing = await this.#exitOf(job).missing(image, job.abort.signal);
    run.report.wantedBytes = missing.reduce((sum, layer) => sum + layer.size, 0);
    run.report.resumedBytes = missing.reduce((sum, layer) => sum + (store.get(layer.digest)?.bytesHeld() ?? 0), 0);
    const before = new Map(
      missing.map(({ digest }) => [digest as string, new Map(swarms.runnerOf(digest)?.receivedFrom)]),
    );
    run.wanted = { image: { ...image, layers: missing }, before };
    this.#began(job, run, missing.length);
    const { signal } = job.abort;
    const waiter = { jobId: job.id, class: job.class };
    const turns = this.#blobs[job.class];
    const { arriving } = this.#exitOf(job);
    const littleBytes = arriving?.littleBytes ?? Number.POSITIVE_INFINITY;
    const fetch: FetchLayer = ({ digest, size }, nearly) =>
      turns.run({ ...job, bytes: Math.min(size, BLOB_MEMORY_BYTES) }, async () => {
        const fetched = swarms.fetch(digest, waiter, signal);
        void swarms.nearlyThere(digest, littleBytes, signal).then(nearly);
        await fetched;
        job.events.add({ level: 'info', event: 'blob complete', digest, bytes: size });
      });
    const arrivals = fetchInOrder(missing, littleBytes, fetch);
    const ahead = takeInAhead({ layers: missing, arrivals, littleBytes }, ({ digest: next }) =>
      this.#exits.run(job, async () => {
        if (arriving === undefined || signal.aborted) return;
        run.aheadBytes += await arriving.takeIn(image, next, { readBlob: this.#readBlob, signal });
      }),
    );
    await Promise.all([...arrivals, ahead]);
  }

  #began(job: Job, { report: { reference, wantedBytes: bytes, resumedBytes } }: ImageRun, blobs: number): void {
    job.events.add({ level: 'info', event: 'fetching', reference, bytes });
    const facts = { event: 'image fetching', jobId: job.id, reference, blobs, bytes, resumedBytes };
    this.#options.logger.info(facts, 'an image is fetched');
  }

  async #handOver(job: Job, run: ImageRun, image: ParsedImage): Promise<void> {
    const { keepUntilMs } = job;
    const { signal } = job.abort;
    run.report.state = 'loading';
    const onProgress = (archiveBytes: number): void => {
      run.report.archiveBytes = run.aheadBytes + archiveBytes;
    };
    const options = { signal, keepUntilMs, onProgress };
    const handed = await this.#exitOf(job).handOver(image, this.#readBlob, options);
    Object.assign(run.report, { ...handed, archiveBytes: run.aheadBytes + handed.archiveBytes });
    if (run.report.exit === 'engine') this.#options.cache.loaded(image.layers.map(({ digest }) => digest));
  }

  readonly #readBlob: ReadBlob = (digest) => {
    const blob = this.#options.store.get(digest);
    if (blob?.complete) return blob.bytes();
    throw new AgentError('STORE_FAILED', `${digest} is not on disk any more; run the job again`);
  };

  #exitOf({ cacheOnly }: Job): ImageExit {
    return cacheOnly ? CACHE_EXIT : this.#options.exit;
  }

  #measure({ report, wanted }: ImageRun): void {
    if (wanted === undefined) return;
    const { store, swarms, peerName } = this.#options;
    const feeders = new Map<string, number>();
    report.haveBytes = 0;
    for (const { digest } of wanted.image.layers) {
      report.haveBytes += store.get(digest)?.bytesHeld() ?? 0;
      for (const [peerId, bytes] of swarms.runnerOf(digest)?.receivedFrom ?? [])
        feeders.set(peerId, (feeders.get(peerId) ?? 0) + bytes - (wanted.before.get(digest)?.get(peerId) ?? 0));
    }
    report.peerBytes = [...feeders.values()].reduce((sum, bytes) => sum + bytes, 0);
    report.feeders = [...feeders]
      .filter(([, bytes]) => bytes > 0)
      .sort(([, a], [, b]) => b - a)
      .slice(0, TOP_FEEDERS)
      .map(([peerId, bytes]) => ({ name: peerName(peerId), bytes }));
  }

  #send({ id, images, events }: Job): void {
    const waiting = this.#options.isTrackerThere() ? events.take() : undefined;
    const reports = images.map(({ report }) => report);
    this.#options.send({ type: 'report', jobId: id, images: reports, ...(waiting && { events: waiting }) });
  }
}

function newJob(message: TrackerMessageOf<'job'>, keepUntilMs: number): Job {
  const { jobId, class: jobClass, by, priority, cacheOnly = false, reportMs = 0, images } = message;
  const byMs = by === undefined ? undefined : Date.parse(by);
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // every layer listens; the default warns of a leak from eleven on
  return {
    ...{ id: jobId, class: jobClass, priority, byMs, keepUntilMs, cacheOnly },
    ...{ reportMs, reportedMs: Number.NEGATIVE_INFINITY },
    events: createJobEvents(),
    abort,
    images: images.map(newRun),
  };
}

function isRunning({ report }: ImageRun): boolean {
  return report.state === 'fetching' || report.state === 'loading';
}

function newRun({ reference }: JobImage): ImageRun {
  const bytes = { imageBytes: 0, wantedBytes: 0, haveBytes: 0, peerBytes: 0, resumedBytes: 0, archiveBytes: 0 };
  return { report: { reference, state: 'fetching', ...bytes, feeders: [] }, wanted: undefined, aheadBytes: 0 };
}
