/*
 * Peak memory of one agent in a crowd: while it receives from 30 agents at once, and while it serves 30: `serve`
 * in a process started anew, `serveOn` in the one that had received. The agent under measurement has a process of its own
 * and its control API on and asked; the others share a few.
 */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes } from './harness/bytes.mjs';
import { judge } from './harness/goals.mjs';
import { measure } from './harness/measure.mjs';
import { peakRssMB, resetPeakRss, waitUntilIdle } from './harness/proc.mjs';
import { cell, formatTable } from './harness/table.mjs';
import { openDiskFolder, removeFolder } from './harness/workplace.mjs';
import { cloneAgent, filesBelow } from './shoal/clone-agent.mjs';
import { watchControl } from './shoal/control-watch.mjs';
import { makeGeneratedImage } from './shoal/generated-image.mjs';
import { openSite } from './shoal/site.mjs';

/** @type {readonly string[]} */
export const ROWS = [];
export const DEFAULT_SIZE = '2GiB';
export const DEFAULT_ROUNDS = 1;

const CROWD = 30;
const CROWD_PROCESSES = 3;
/** What the served have together when serving ends, in blobs: not 30, which few disks have room for. */
const SERVED_COPIES = 2;
/** The agent's own and what is served; before that, the first agent's in place of it and the seeder's. */
const COPIES = 1 + SERVED_COPIES;
const SETTLE_MS = 120_000;
const POLL_MS = 250;
const SERVE_TIMEOUT_MS = 15 * 60_000;
/** Nobody listens there: the served cannot get the blob from each other. */
const NOWHERE = '127.0.0.9';

/** MB, of issue "the data plane", for the whole agent. @type {Record<string, number>} */
const GOALS = { receive: 220, serve: 180 };

/** @typedef {import('./shoal/site.mjs').Site} Site @typedef {import('./shoal/site.mjs').AgentProcess} AgentProcess */

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes, rounds, dir, say }) {
  const rows = [];
  for (const sizeBytes of sizesBytes) {
    for (let round = 1; round <= rounds; round++) rows.push(...(await measureSize({ sizeBytes, dir, say })));
  }
  return describe(rows);
}

/** @param {{ sizeBytes: number, dir: string | undefined, say: (line: string) => void }} options */
async function measureSize({ sizeBytes, dir, say }) {
  const folder = openDiskFolder(sizeBytes * COPIES, dir);
  say(`takes ${formatBytes(sizeBytes * COPIES)} in ${folder}; computing the digest of ${formatBytes(sizeBytes)}`);
  const site = await openSite({ folder: path.join(folder, 'shoal'), source: makeGeneratedImage(sizeBytes) });
  const senders = await startHolders(site, say);
  let agent = await site.startAgents({ names: ['measured'], control: true });
  const receiving = await receive({ site, agent, senders, sizeBytes });
  say(`receiving: ${cell(receiving.peakRssMB, 0)} MB`);
  for (const sender of senders) await sender.stop();
  const servingOn = await serve({ row: 'serveOn', site, agent, sizeBytes });
  await agent.stop({ keep: true });
  agent = await site.startAgents({ names: ['measured'], control: true });
  const serving = await serve({ row: 'serve', site, agent, sizeBytes });
  say(`serving: ${cell(serving.peakRssMB, 0)} MB, without a restart ${cell(servingOn.peakRssMB, 0)} MB`);
  await agent.stop();
  await site.stop();
  removeFolder(folder);
  return [receiving, serving, servingOn];
}

/** 30 agents with the blob, and nobody else in the swarm. @param {Site} site @param {(line: string) => void} say */
async function startHolders(site, say) {
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
  const first = await site.startAgents({ names: ['first'] });
  await site.distribute(first.names);
  await waitUntilIdle([first.pid], SETTLE_MS);
  await seeder.stop();
  await first.stop({ keep: true });
  const blank = await site.startAgents({ names: ['blank'] });
  await blank.stop({ keep: true });
  say(`making ${CROWD} agents that hold it`);
  const [from = '', empty = ''] = [...first.dataDirs, ...blank.dataDirs];
  const ownFiles = new Set(filesBelow(empty));
  const holders = await startCrowd(site, { kind: 'sender', prepare: (to) => cloneAgent({ from, ownFiles, to }) });
  removeFolder(from);
  for (const agent of (await Promise.all(holders.map((holder) => holder.status()))).flat()) {
    if (!agent.blobs.some((/** @type {any} */ blob) => blob.heldPieces === blob.pieces)) {
      throw new Error(`${agent.name} does not believe the files it was given: ${JSON.stringify(agent.blobs)}`);
    }
  }
  return holders;
}

/** @param {Site} site @param {{ kind: string, prepare?: (dataDir: string) => void, advertiseHost?: string }} crowd */
async function startCrowd(site, { kind, prepare, advertiseHost }) {
  const perProcess = CROWD / CROWD_PROCESSES;
  const processes = [];
  for (let index = 0; index < CROWD_PROCESSES; index++) {
    const names = Array.from({ length: perProcess }, (_, number) => `${kind}-${index * perProcess + number + 1}`);
    for (const name of names) prepare?.(site.dataDirOf(name));
    processes.push(await site.startAgents({ names, advertiseHost }));
  }
  return processes;
}

/** @param {{ site: Site, agent: AgentProcess, senders: AgentProcess[], sizeBytes: number }} what */
async function receive({ site, agent, senders, sizeBytes }) {
  const pids = senders.map(({ pid }) => pid);
  await waitUntilIdle([agent.pid, ...pids], SETTLE_MS);
  const control = watchControl(agent);
  const sample = await measure({
    bytes: sizeBytes,
    receiver: agent.pid,
    senders: pids,
    run: () => site.distribute(agent.names),
  });
  return {
    row: 'receive',
    sizeBytes,
    connections: await control.stop(),
    movedBytes: sizeBytes,
    MBs: Math.round(sample.MBs),
    peakRssMB: Math.round(sample.receiverPeakRssMB),
  };
}

/** Ends when they have two blobs' worth together. @param {{ row: string, site: Site, agent: AgentProcess, sizeBytes: number }} what */
async function serve({ row, site, agent, sizeBytes }) {
  const crowd = await startCrowd(site, { kind: `${row}-receiver`, advertiseHost: NOWHERE });
  await waitUntilIdle([agent.pid, ...crowd.map(({ pid }) => pid)], SETTLE_MS);
  resetPeakRss(agent.pid);
  const control = watchControl(agent);
  const sentBefore = await sentBytes(agent);
  const startedAt = performance.now();
  const jobId = await site.begin(crowd.flatMap(({ names }) => names));
  while ((await gotBytes(site, jobId)) < SERVED_COPIES * sizeBytes) {
    if (performance.now() - startedAt > SERVE_TIMEOUT_MS)
      throw new Error('30 peers did not get two blobs in 15 minutes');
    await delay(POLL_MS);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const movedBytes = (await sentBytes(agent)) - sentBefore;
  const peak = peakRssMB(agent.pid);
  const connections = await control.stop();
  await site.cancel(jobId);
  for (const receiver of crowd) await receiver.stop();
  return {
    row,
    sizeBytes,
    connections,
    movedBytes,
    MBs: Math.round(movedBytes / 1e6 / seconds),
    peakRssMB: Math.round(peak),
  };
}

/** @param {AgentProcess} agent */
async function sentBytes(agent) {
  const [status] = await agent.status();
  return /** @type {number} */ (status.traffic.sentBytes);
}

/** @param {Site} site @param {string} jobId */
async function gotBytes(site, jobId) {
  const { state, hosts } = await site.job(jobId);
  if (state === 'failed' || state === 'cancelled') throw new Error(`the job of the served ended as ${state}`);
  return hosts.flatMap(({ images }) => images).reduce((sum, { haveBytes }) => sum + haveBytes, 0);
}

/** @typedef {{ row: string, sizeBytes: number, connections: number, movedBytes: number, peakRssMB: number, MBs: number }} Row */

/** The largest of several rounds counts. @param {Row[]} rows */
function describe(rows) {
  /** @type {Record<string, number>} */
  const figures = {};
  /** @type {import('./harness/goals.mjs').Goal[]} */
  const goals = [];
  for (const { row, sizeBytes, peakRssMB } of rows) {
    const name = `${row}PeakRssMBAt${formatBytes(sizeBytes).replace(' ', '')}`;
    const goal = GOALS[row];
    if (goal !== undefined && !(name in figures)) goals.push([name, '≤', goal]);
    figures[name] = Math.max(figures[name] ?? 0, peakRssMB);
  }
  const head = ['', 'blob', 'peak RSS MB', 'connections', 'moved MB', 'MB/s'];
  const table = formatTable(
    head,
    rows.map(({ row, sizeBytes, peakRssMB, connections, movedBytes, MBs }) => {
      const numbers = [peakRssMB, connections, movedBytes / 1e6, MBs].map((value) => cell(value, 0));
      return [row, formatBytes(sizeBytes), ...numbers];
    }),
  );
  return { figures, rows, text: [`one agent, ${CROWD} peers, to disk`, table, '', judge(figures, goals)].join('\n') };
}
