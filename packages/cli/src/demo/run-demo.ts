/**
 * The main job on embedded defaults: makes or takes an image, starts a fleet on loopback,
 * distributes the image with live progress and hands it over. Cleans up whatever happens.
 */
import { join } from 'node:path';
import { formatReference, parseReference } from '@shoal/oci';
import { createRegistrySource, type ImageSource, openLayoutSource } from '@shoal/registry';
import type { JobView } from '@shoal/tracker/client';
import { type Logger, pino } from 'pino';
import { CliError } from '../errors.ts';
import type { Io } from '../output/io.ts';
import { type Fleet, startFleet } from './demo-fleet.ts';
import { makeDemoImage } from './demo-image.ts';
import { diskFull, isDiskFull, makeDemoFolder, removeAtExit, removeDemoFolder, requireSpace } from './demo-place.ts';
import { agentsText, type DemoSummary, summarize } from './demo-summary.ts';
import { createDemoView, createMeter } from './demo-view.ts';

export interface DemoOptions {
  agents: number;
  /** Distributes this image from a registry instead of making one. */
  image?: string;
  /** Where that registry answers, if not at the host of the reference. */
  registry?: string;
  bytesPerSecond: number;
  /** Keeps the folder with image, archives and log. */
  keep: boolean;
  version: string;
  io: Pick<Io, 'stderr' | 'terminal'>;
  signal: AbortSignal;
}

export interface DemoResult {
  summary: DemoSummary;
  /** The folder, if it was kept. */
  kept: string | undefined;
}

const IMAGE_BYTES = 320e6;
const LOOK_MS = 125;
const READY_MS = 30_000;

/** Throws CliError INTERRUPTED, NO_SPACE, and what tracker and agents throw; the folder is gone then or named. */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { io, keep, signal } = options;
  const folder = await makeDemoFolder();
  const broken = catchStrayErrors();
  const releaseExit = keep ? () => {} : removeAtExit(folder);
  let left: string | undefined = folder;
  try {
    const all = { ...options, signal: AbortSignal.any([signal, broken.signal]) };
    const summary = await distribute(folder, all).finally(async () => {
      if (!keep && (await removeDemoFolder(folder))) left = undefined;
    });
    return { summary, kept: left };
  } catch (error) {
    if (left !== undefined) io.stderr(`left in ${left}\n`);
    if (signal.aborted) throw new CliError('INTERRUPTED', 'stopped by you.', { cause: error });
    const cause = broken.signal.aborted ? broken.signal.reason : error;
    throw isDiskFull(cause) ? diskFull(cause) : cause;
  } finally {
    broken.release();
    releaseExit();
  }
}

/**
 * Tracker and agents run in this one process: an error of the operating system that none of them expects, in a timer
 * or a callback, ends the run instead of the process. Other errors are faults of the program and stay loud.
 */
function catchStrayErrors(): { signal: AbortSignal; release(): void } {
  const abort = new AbortController();
  const onError = (error: unknown) => {
    if (typeof (error as NodeJS.ErrnoException | undefined)?.code !== 'string') throw error;
    abort.abort(error);
  };
  process.on('uncaughtException', onError);
  return { signal: abort.signal, release: () => process.off('uncaughtException', onError) };
}

async function distribute(folder: string, options: DemoOptions): Promise<DemoSummary> {
  const { io, agents, bytesPerSecond, version, signal } = options;
  const { reference, openSource } = await chooseImage(folder, options);
  signal.throwIfAborted();
  const fleet = await startFleet({ folder, agents, bytesPerSecond, version, logger: logIn(folder, io), openSource });
  try {
    const exits = fleet.engine.address === undefined ? 'all write archives' : 'agent-1 loads into it';
    io.stderr(`tracker at ${fleet.tracker.url}, a seeder and ${agentsText(agents)}; ${fleet.engine.why}: ${exits}\n`);
    await allOnline(fleet, signal);
    const startedAt = performance.now();
    const created = await fleet.client.createJob({ images: [reference] });
    // Only now the size of a registry's image is known.
    const imageBytes = created.images[0]?.imageBytes ?? 0;
    if (options.image !== undefined) await requireSpace(folder, { imageBytes, copies: 1, agents });
    const job = await watch(fleet, created, options);
    return summarize(job, fleet, { seconds: (performance.now() - startedAt) / 1000, bytesPerSecond });
  } finally {
    await fleet.client.close();
    await fleet.stop();
  }
}

/** A log that cannot be written is no reason to stop; what fails besides it says so itself. */
function logIn(folder: string, io: DemoOptions['io']): Logger {
  const destination = pino.destination({ dest: join(folder, 'demo.log'), sync: true });
  let isSaid = false;
  destination.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (!isSaid) io.stderr(`demo.log cannot be written (${code})\n`);
    isSaid = true;
  });
  return pino({ level: 'info' }, destination);
}

async function chooseImage(
  folder: string,
  { image, registry, agents, io, signal }: DemoOptions,
): Promise<{ reference: string; openSource: (host: string) => Promise<ImageSource> }> {
  if (image !== undefined) {
    const reference = parseReference(image);
    const openSource = async (host: string): Promise<ImageSource> =>
      createRegistrySource({ host, ...(registry === undefined ? {} : { url: registry }) });
    return { reference: formatReference(reference), openSource };
  }
  await requireSpace(folder, { imageBytes: IMAGE_BYTES, copies: 2, agents });
  io.stderr('making an image of files of this machine … ');
  let packedBytes = 0;
  const made = await makeDemoImage(folder, IMAGE_BYTES, (bytes) => {
    signal.throwIfAborted();
    packedBytes += bytes;
  }).catch((error: unknown) => {
    io.stderr('\n');
    throw error;
  });
  io.stderr(`${(packedBytes / 1e6).toFixed(0)} MB in ${made.layers} layers\n`);
  return { reference: formatReference(made.reference), openSource: () => openLayoutSource(made.layout) };
}

async function allOnline(fleet: Fleet, signal: AbortSignal): Promise<void> {
  const until = performance.now() + READY_MS;
  const wanted = fleet.agents.length + 1;
  for (;;) {
    signal.throwIfAborted();
    const online = (await fleet.client.hosts()).filter((host) => host.online).length;
    if (online === wanted) return;
    if (performance.now() > until)
      throw new CliError('FAILED', `only ${online} of ${agentsText(wanted)} reached the tracker.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function watch(fleet: Fleet, job: JobView, { io, signal }: DemoOptions): Promise<JobView> {
  const view = createDemoView(io);
  const measure = createMeter();
  const draw = (): void => view.draw([fleet.seeder, ...fleet.agents].map(measure));
  const timer = setInterval(draw, LOOK_MS);
  let latest = job;
  try {
    for await (const next of fleet.client.watchJob(job.id, { signal })) latest = next;
    signal.throwIfAborted();
    draw();
    return latest;
  } finally {
    clearInterval(timer);
    view.end();
  }
}
