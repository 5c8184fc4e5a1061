/*
 * A Shoal site on loopback or in network namespaces, every part a process of its own: a tracker, and agents started and
 * stopped as a bench wants. Uses what the packages export, nothing inside them.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTrackerClient } from '@shoal/tracker/client';
import { startChild } from '../harness/child.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { inPlace } from '../netns/place.mjs';
import { REFERENCE } from './one-layer-image.mjs';
import { createRemoteClient } from './remote-client.mjs';

const DEFAULT_JOB_TIMEOUT_MS = 30 * 60_000;
const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));

/**
 * @typedef {{ layout: string } | { generated: { keyHex: string, digest: string, sizeBytes: number } }
 *   | { several: import('./several-images.mjs').SeveralImages } | { registry: { host: string, url: string } }} Source
 * @typedef {object} AgentProcess one process, with one agent or several
 * @property {number} pid
 * @property {readonly string[]} names
 * @property {readonly string[]} dataDirs
 * @property {number | undefined} controlPort of the first agent
 * @property {number | undefined} proxyPort of the first agent
 * @property {() => Promise<any[]>} status of each
 * @property {() => void} logGrants starts a log of what the yield rule grants the first agent
 * @property {() => Promise<[atMs: number, download: number, upload: number][]>} grants that log, on the machine's clock
 * @property {(timeoutMs: number) => Promise<unknown>} imageReady the first agent has the image of its job
 * @property {(options?: { keep?: boolean }) => Promise<void>} stop removes its files unless told to keep them
 * @typedef {object} AgentsWanted
 * @property {readonly string[]} names
 * @property {string} [folder] where their data folders lie: the site's unless given
 * @property {'agent' | 'seeder'} [role]
 * @property {boolean} [control] with the control API
 * @property {string} [advertiseHost] where others look for it: loopback, where it listens, unless given
 * @property {import('../netns/network.mjs').Place} [place] it runs and listens there: loopback unless given
 * @property {Record<string, string>} [labels]
 * @property {{ host: string, url: string }} [proxy] the registry that its proxy stands for
 * @property {string} [engine] address of the engine it loads into
 * @property {Source} [source] of a seeder: the site's unless given
 * @property {number} [capBytesPerSecond] each way
 * @property {number} [linkBytesPerSecond] declared: what the card says unless given
 * @typedef {object} SiteOptions
 * @property {string} folder
 * @property {Source} source
 * @property {number} [jobTimeoutMs]
 * @property {import('../netns/network.mjs').Place} [place] of the tracker: loopback unless given
 * @typedef {Awaited<ReturnType<typeof openSite>>} Site
 */

/** @param {SiteOptions} options */
export async function openSite({ folder, source, jobTimeoutMs = DEFAULT_JOB_TIMEOUT_MS, place: trackerPlace }) {
  await mkdir(folder, { recursive: true });
  const argument = JSON.stringify({ dataDir: path.join(folder, 'tracker'), source, host: trackerPlace?.address });
  const program = path.join(PROGRAMS, 'shoal-tracker.mjs');
  const tracker = startChild(...inPlace(trackerPlace, process.execPath, [program, argument]));
  const { url, token } = await tracker.next('ready');
  const client = trackerPlace === undefined ? createTrackerClient({ url, token }) : createRemoteClient(tracker);

  /** @param {string} name @param {'agent' | 'seeder'} role */
  const tokenFor = async (name, role) => {
    tracker.say({ do: 'token', role, name });
    return (await tracker.next('token')).token;
  };

  /** @param {AgentsWanted} wanted @returns {Promise<AgentProcess>} */
  const startAgents = async ({
    names,
    folder: parent = folder,
    role = 'agent',
    control = false,
    place,
    ...options
  }) => {
    const agents = [];
    for (const name of names)
      agents.push({ name, dataDir: path.join(parent, name), token: await tokenFor(name, role) });
    const ofRole = role === 'seeder' ? { source } : {};
    const start = { trackerUrl: url, control, peerHost: place?.address, ...ofRole, ...options, agents };
    const args = [path.join(PROGRAMS, 'shoal-agents.mjs'), JSON.stringify(start)];
    const child = startChild(...inPlace(place, process.execPath, args));
    const { controlPort, proxyPort } = await child.next('ready');
    const dataDirs = agents.map(({ dataDir }) => dataDir);
    return {
      pid: child.pid,
      names,
      dataDirs,
      controlPort,
      proxyPort,
      status: async () => {
        child.say({ do: 'status' });
        return (await child.next('status')).agents;
      },
      logGrants: () => child.say({ do: 'logGrants' }),
      grants: async () => {
        child.say({ do: 'grants' });
        return (await child.next('grants')).log;
      },
      imageReady: (timeoutMs) => {
        child.say({ do: 'watch' });
        return child.next('image', timeoutMs);
      },
      stop: async ({ keep = false } = {}) => {
        await child.stop();
        if (!keep) for (const dataDir of dataDirs) removeFolder(dataDir);
      },
    };
  };

  return {
    url,
    token,
    tokenFor,
    startAgents,
    /** @param {string} name of an agent that is not started yet */
    dataDirOf: (name) => path.join(folder, name),
    /**
     * Resolves when every one of these hosts has the image, verified; throws why not.
     * @param {readonly string[]} hosts @param {string} [image]
     */
    distribute: (hosts, image) => distribute({ client, timeoutMs: jobTimeoutMs }, hosts, image),
    /** Starts a job and comes back at once. @param {readonly string[]} hosts @param {string} [image] */
    begin: async (hosts, image = REFERENCE) => (await client.createJob({ images: [image], hosts: [...hosts] })).id,
    /** @param {string} text of a bandwidth policy */
    applyPolicy: (text) => client.applyPolicy(text),
    /** @param {string} jobId */
    job: (jobId) => client.job(jobId),
    /** @param {string} jobId */
    cancel: (jobId) => client.cancelJob(jobId),
    /** As a crash does it. */
    killTracker: () => process.kill(tracker.pid, 'SIGKILL'),
    stop: async () => {
      await client.close();
      await tracker.stop();
    },
  };
}

/** @param {{ client: import('./remote-client.mjs').JobClient, timeoutMs: number }} site @param {readonly string[]} hosts @param {string} [image] */
async function distribute({ client, timeoutMs }, hosts, image = REFERENCE) {
  let job = await client.createJob({ images: [image], hosts: [...hosts] });
  if (job.hosts.length !== hosts.length) throw new Error(`the job has ${job.hosts.length} hosts, not ${hosts.length}`);
  const signal = AbortSignal.timeout(Math.ceil(timeoutMs));
  try {
    for await (const view of client.watchJob(job.id, { signal })) job = view;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  if (job.state === 'done') return;
  const reasons = job.hosts.map(({ name, state, error }) => `${name} ${state}${error ? `: ${error.text}` : ''}`);
  const what = signal.aborted ? `did not end within ${timeoutMs / 1000} s` : `ended as ${job.state}`;
  throw new Error(`the job ${what}: ${reasons.join(', ')}`);
}
