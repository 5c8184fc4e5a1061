/*
 * A Shoal site on loopback, every part a process of its own: a tracker, and agents started and stopped as a bench wants.
 * Uses what the packages export, nothing inside them.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTrackerClient } from '@shoal/tracker/client';
import { startChild } from '../harness/child.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { REFERENCE } from './one-layer-image.mjs';

const DEFAULT_JOB_TIMEOUT_MS = 30 * 60_000;
const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));

/**
 * @typedef {{ layout: string } | { generated: { keyHex: string, digest: string, sizeBytes: number } }} Source
 * @typedef {object} AgentProcess one process, with one agent or several
 * @property {number} pid
 * @property {readonly string[]} names
 * @property {readonly string[]} dataDirs
 * @property {number | undefined} controlPort of the first agent
 * @property {() => Promise<any[]>} status of each
 * @property {(options?: { keep?: boolean }) => Promise<void>} stop removes its files unless told to keep them
 * @typedef {object} AgentsWanted
 * @property {readonly string[]} names
 * @property {string} [folder] where their data folders lie: the site's unless given
 * @property {'agent' | 'seeder'} [role]
 * @property {boolean} [control] with the control API
 * @property {string} [advertiseHost] where others look for it: loopback, where it listens, unless given
 * @typedef {Awaited<ReturnType<typeof openSite>>} Site
 */

/** @param {{ folder: string, source: Source, jobTimeoutMs?: number }} options */
export async function openSite({ folder, source, jobTimeoutMs = DEFAULT_JOB_TIMEOUT_MS }) {
  await mkdir(folder, { recursive: true });
  const argument = JSON.stringify({ dataDir: path.join(folder, 'tracker'), source });
  const tracker = startChild(process.execPath, [path.join(PROGRAMS, 'shoal-tracker.mjs'), argument]);
  const { url, token } = await tracker.next('ready');
  const client = createTrackerClient({ url, token });

  /** @param {string} name @param {'agent' | 'seeder'} role */
  const tokenFor = async (name, role) => {
    tracker.say({ do: 'token', role, name });
    return (await tracker.next('token')).token;
  };

  /** @param {AgentsWanted} wanted @returns {Promise<AgentProcess>} */
  const startAgents = async ({ names, folder: place = folder, role = 'agent', control = false, advertiseHost }) => {
    const agents = [];
    for (const name of names) agents.push({ name, dataDir: path.join(place, name), token: await tokenFor(name, role) });
    const start = { trackerUrl: url, control, advertiseHost, agents, ...(role === 'seeder' ? { source } : {}) };
    const child = startChild(process.execPath, [path.join(PROGRAMS, 'shoal-agents.mjs'), JSON.stringify(start)]);
    const { controlPort } = await child.next('ready');
    const dataDirs = agents.map(({ dataDir }) => dataDir);
    return {
      pid: child.pid,
      names,
      dataDirs,
      controlPort,
      status: async () => {
        child.say({ do: 'status' });
        return (await child.next('status')).agents;
      },
      stop: async ({ keep = false } = {}) => {
        await child.stop();
        if (!keep) for (const dataDir of dataDirs) removeFolder(dataDir);
      },
    };
  };

  return {
    startAgents,
    /** @param {string} name of an agent that is not started yet */
    dataDirOf: (name) => path.join(folder, name),
    /** Resolves when every one of these hosts has the image, verified; throws why not. @param {readonly string[]} hosts */
    distribute: (hosts) => distribute({ client, timeoutMs: jobTimeoutMs }, hosts),
    /** Starts a job and comes back at once. @param {readonly string[]} hosts */
    begin: async (hosts) => (await client.createJob({ images: [REFERENCE], hosts: [...hosts] })).id,
    /** @param {string} jobId */
    job: (jobId) => client.job(jobId),
    /** @param {string} jobId */
    cancel: (jobId) => client.cancelJob(jobId),
    stop: async () => {
      await client.close();
      await tracker.stop();
    },
  };
}

/** @param {{ client: import('@shoal/tracker/client').TrackerClient, timeoutMs: number }} site @param {readonly string[]} hosts */
async function distribute({ client, timeoutMs }, hosts) {
  let job = await client.createJob({ images: [REFERENCE], hosts: [...hosts] });
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
