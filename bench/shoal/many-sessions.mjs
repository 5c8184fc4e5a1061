/* One tracker, and a load program with the sessions of thousands of agents and one seeder, each a process of its own. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTrackerClient } from '@shoal/tracker/client';
import { startChild } from '../harness/child.mjs';
import { cpuSeconds } from '../harness/proc.mjs';
import { openDiskFolder, removeFolder } from '../harness/workplace.mjs';

/** Of the blob that every job names: nobody ever has it. */
export const PIECES = 2000;
const PIECE_BYTES = 4 * 1024 * 1024;
export const CONNECT_TIMEOUT_MS = 15 * 60_000;
const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));

/** `load` says `ready` when all are connected. @param {string | undefined} dir @param {{ count: number, piecesPerSecond: number, reportEveryMs?: number }} sessions */
export async function openManySessions(dir, sessions) {
  const folder = openDiskFolder(1e9, dir);
  const generated = {
    keyHex: randomBytes(32).toString('hex'),
    digest: `sha256:${randomBytes(32).toString('hex')}`,
    sizeBytes: PIECES * PIECE_BYTES,
  };
  const start = (/** @type {string} */ name, /** @type {object} */ argument) =>
    startChild(process.execPath, [path.join(PROGRAMS, `${name}.mjs`), JSON.stringify(argument)]);
  const tracker = start('shoal-tracker', { dataDir: path.join(folder, 'tracker'), source: { generated } });
  const { url, token } = await tracker.next('ready');
  const client = createTrackerClient({ url, token });
  const tokenOf = async (/** @type {'agent' | 'seeder'} */ role) =>
    (await client.createToken({ role, name: 'load' })).token;
  const tokens = { agentToken: await tokenOf('agent'), seederToken: await tokenOf('seeder') };
  const load = start('session-load', { url, ...tokens, ...sessions });
  return {
    ...{ url, token, client, load, trackerPid: tracker.pid },
    async close() {
      await client.close();
      await load.stop();
      await tracker.stop();
      removeFolder(folder);
    },
  };
}

/** CPU of a process from now on. @param {number} pid */
export function meter(pid) {
  const [cpu, at] = [cpuSeconds([pid]), performance.now()];
  return () => {
    const seconds = (performance.now() - at) / 1000;
    const used = cpuSeconds([pid]) - cpu;
    return { seconds, cpu: used, percent: (used * 100) / seconds };
  };
}

/** @param {number} pid @param {() => Promise<unknown>} work */
export async function measured(pid, work) {
  const end = meter(pid);
  await work();
  return end();
}
