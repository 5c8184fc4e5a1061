/**
 * The main job on embedded defaults: makes or takes an image, starts a fleet on loopback,
 * distributes the image with live progress and hands it over. Cleans up whatever happens.
 */
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatReference, parseReference } from '@shoal/oci';
import { createRegistrySource, type ImageSource, openLayoutSource } from '@shoal/registry';
import type { JobView } from '@shoal/tracker/client';
import { pino } from 'pino';
import { type Fleet, startFleet } from './demo-fleet.ts';
import { makeDemoImage } from './demo-image.ts';
import { type DemoSummary, summarize } from './demo-summary.ts';
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
  stderr: NodeJS.WriteStream;
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

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-demo-'));
  let keep = options.keep;
  try {
    await requireSpace(folder, options);
    const summary = await distribute(folder, options);
    keep ||= !summary.ok;
    return { summary, kept: keep ? folder : undefined };
  } finally {
    if (!keep) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The image, the seeder's copy, and on each agent the blobs and the archive. */
async function requireSpace(folder: string, { agents, image }: DemoOptions): Promise<void> {
  if (image !== undefined) return;
  const neededBytes = IMAGE_BYTES * (2 + 2 * agents) + 500e6;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= neededBytes) return;
  throw new Error(
    `the demo needs ${(neededBytes / 1e9).toFixed(1)} GB in ${tmpdir()}, ${((bavail * bsize) / 1e9).toFixed(1)} GB are free; set TMPDIR to a larger disk or take fewer --agents`,
  );
}

async function distribute(folder: string, options: DemoOptions): Promise<DemoSummary> {
  const { stderr, agents, bytesPerSecond, version } = options;
  const { reference, openSource } = await chooseImage(folder, options);
  const logger = pino({ level: 'info' }, pino.destination({ dest: join(folder, 'demo.log'), sync: true }));
  const fleet = await startFleet({ folder, agents, bytesPerSecond, version, logger, openSource });
  try {
    stderr.write(
      `tracker at ${fleet.tracker.url}, a seeder and ${agents} agents; ${fleet.engine.why}${fleet.engine.address !== undefined ? ': agent-1 loads into it' : ': all write archives'}\n`,
    );
    await allOnline(fleet);
    const startedAt = performance.now();
    const job = await watch(fleet, await fleet.client.createJob({ images: [reference] }), options);
    return summarize(job, fleet, { seconds: (performance.now() - startedAt) / 1000, bytesPerSecond });
  } finally {
    await fleet.client.close();
    await fleet.stop();
  }
}

async function chooseImage(
  folder: string,
  { image, registry, stderr }: DemoOptions,
): Promise<{ reference: string; openSource: (host: string) => Promise<ImageSource> }> {
  if (image !== undefined) {
    const reference = parseReference(image);
    const openSource = async (host: string): Promise<ImageSource> =>
      createRegistrySource({ host, ...(registry === undefined ? {} : { url: registry }) });
    return { reference: formatReference(reference), openSource };
  }
  stderr.write('making an image of files of this machine … ');
  let packedBytes = 0;
  const made = await makeDemoImage(folder, IMAGE_BYTES, (bytes) => {
    packedBytes += bytes;
  });
  stderr.write(`${(packedBytes / 1e6).toFixed(0)} MB in ${made.layers} layers\n`);
  return { reference: formatReference(made.reference), openSource: () => openLayoutSource(made.layout) };
}

async function allOnline(fleet: Fleet): Promise<void> {
  const until = performance.now() + READY_MS;
  const wanted = fleet.agents.length + 1;
  for (;;) {
    const online = (await fleet.client.hosts()).filter((host) => host.online).length;
    if (online === wanted) return;
    if (performance.now() > until) throw new Error(`only ${online} of ${wanted} agents reached the tracker`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function watch(fleet: Fleet, job: JobView, { stderr, signal }: DemoOptions): Promise<JobView> {
  const view = createDemoView(stderr, stderr.isTTY === true);
  const measure = createMeter();
  const draw = (): void => view.draw([fleet.seeder, ...fleet.agents].map(measure));
  const timer = setInterval(draw, LOOK_MS);
  let latest = job;
  try {
    for await (const next of fleet.client.watchJob(job.id, { signal })) latest = next;
    draw();
    return latest;
  } finally {
    clearInterval(timer);
    view.end();
  }
}
