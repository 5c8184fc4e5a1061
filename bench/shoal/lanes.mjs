/*
 * Shoal's lanes of the data plane bench: one connection, the same onto a disk, and four senders. Which senders hold the
 * blob is settled before anything is measured; a transfer counts from the creation of its job.
 */
import path from 'node:path';
import { measure } from '../harness/measure.mjs';
import { cpuSeconds, waitUntilIdle } from '../harness/proc.mjs';
import { openSite } from './site.mjs';

/** Longest wait for work that goes on behind a transfer, such as the check of a blob's digest. */
const SETTLE_MS = 60_000;

/**
 * @typedef {import('../peers/lane.mjs').Ground} Ground
 * @typedef {import('../peers/lane.mjs').Lane} Lane
 * @typedef {import('./site.mjs').AgentProcess} AgentProcess
 * @typedef {{ site: import('./site.mjs').Site, senders: AgentProcess[] }} Stage
 */

/** Seeder → one agent: one connection. @param {Ground} ground */
export function createSeederStage(ground) {
  return createStage(async () => {
    const site = await openGroundSite(ground, 'shoal');
    const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
    // Somebody must want the blob before the seeder reads it.
    const first = await site.startAgents({ names: ['first'] });
    await site.distribute(first.names);
    await first.stop();
    return { site, senders: [seeder] };
  });
}

/** Four agents that have it → one agent; no seeder. @param {Ground} ground */
export function createAgentsStage(ground) {
  return createStage(async () => {
    const site = await openGroundSite(ground, 'shoal-4');
    const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
    const names = ['sender-1', 'sender-2', 'sender-3', 'sender-4'];
    const senders = await Promise.all(names.map((name) => site.startAgents({ names: [name] })));
    await site.distribute(names);
    await seeder.stop();
    return { site, senders };
  });
}

/** @param {Ground} ground @param {string} name */
function openGroundSite({ folder, layout, transferTimeoutMs }, name) {
  return openSite({ folder: path.join(folder, name), source: { layout }, jobTimeoutMs: transferTimeoutMs });
}

/** Lanes may share a stage: the first one that starts opens it. @param {() => Promise<Stage>} open */
function createStage(open) {
  /** @type {Promise<Stage> | undefined} */
  let opened;
  return {
    open: () => {
      opened ??= open();
      return opened;
    },
    async close() {
      const stage = await opened?.catch(() => undefined);
      opened = undefined;
      for (const sender of stage?.senders ?? []) await sender.stop();
      await stage?.site.stop();
    },
  };
}

/**
 * @param {{ name: string, stage: ReturnType<typeof createStage>, receiverFolder?: () => string }} lane
 * @param {Ground} ground
 * @returns {Lane}
 */
export function createShoalLane({ name, stage, receiverFolder }, { blob }) {
  return {
    name,
    missing: () => undefined,
    start: async () => void (await stage.open()),
    async transfer() {
      const { site, senders } = await stage.open();
      const receiver = await site.startAgents({ names: [`receiver-${++receivers}`], folder: receiverFolder?.() });
      const pids = senders.map(({ pid }) => pid);
      try {
        await waitUntilIdle([...pids, receiver.pid], SETTLE_MS);
        const run = () => site.distribute(receiver.names);
        const sample = await measure({ bytes: blob.sizeBytes, receiver: receiver.pid, senders: pids, run });
        return { ...sample, afterwardsCpuPerGB: (await cpuAfterwards(receiver.pid)) / (blob.sizeBytes / 1e9) };
      } finally {
        await receiver.stop();
      }
    },
    stop: () => stage.close(),
  };
}

/** Names are remembered by the tracker: each receiver is a new host. */
let receivers = 0;

/** What the receiver still does once the image is there: the check of the whole blob's digest. @param {number} pid */
async function cpuAfterwards(pid) {
  const before = cpuSeconds([pid]);
  await waitUntilIdle([pid], SETTLE_MS);
  return cpuSeconds([pid]) - before;
}
