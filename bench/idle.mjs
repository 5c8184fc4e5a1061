/*
 * What `shoal agent` takes of a host on which nothing happens: new, with dozens of blobs it holds beside a seeder that has
 * them, and the same after a restart. With proxy, control API, a real engine and a policy that gives way to business.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTrackerClient } from '@shoal/tracker/client';
import { MIB } from './harness/bytes.mjs';
import { startChild } from './harness/child.mjs';
import { judge } from './harness/goals.mjs';
import { cpuSeconds, peakRssMB, resetPeakRss, writtenBytes } from './harness/proc.mjs';
import { cell, formatTable } from './harness/table.mjs';
import { openDiskFolder, removeFolder } from './harness/workplace.mjs';
import { push, startDockerRegistry, startEngine } from './peers/engines.mjs';
import { openSite } from './shoal/site.mjs';
import { writeUsrImages } from './shoal/usr-image.mjs';

/** @type {readonly string[]} */
export const ROWS = [];
export const DEFAULT_SIZE = undefined;
/** Minutes of each row. */
export const DEFAULT_ROUNDS = 1;

const SHOAL = fileURLToPath(new URL('../packages/cli/bin/shoal.js', import.meta.url));
const NAME = 'host';
const LAYERS = 48;
const LAYER_BYTES = 4 * MIB;
const MINUTE_MS = 60_000;
/** The agent's workers end after a minute without work, and V8 gives memory back about then. */
const QUIET_MS = 120_000;
const LOOK_MS = 200;

const POLICY = `version: 1
rules:
  - name: leave room for business
    yield: { keep-free: 20%, react-within: 250 ms }
`;

/** Of issue "installs, watches and trusts", for each row. @type {readonly [string, number][]} */
const GOALS = [
  ['PercentOfCore', 0.5],
  ['RssMB', 110],
  ['WrittenBytes', 0],
];

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ rounds, dir, say }) {
  const folder = openDiskFolder(8 * LAYERS * LAYER_BYTES, dir);
  const registry = await startDockerRegistry(path.join(folder, 'registry'));
  const image = `${registry.host}/team/app:1`;
  const layout = path.join(folder, 'layout');
  await writeUsrImages(layout, { app: Array.from({ length: LAYERS }, () => LAYER_BYTES) });
  await push(`${layout}:app`, image);
  const engine = await startEngine(path.join(folder, 'engine'));
  const site = await openSite({ folder: path.join(folder, 'site'), source: { registry } });
  await site.applyPolicy(POLICY);
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
  const config = path.join(folder, 'agent.yaml');
  const token = await site.tokenFor(NAME, 'agent');
  writeFileSync(config, JSON.stringify(settings({ folder, token, site, registry, engine })));
  const start = () => startService(site, config);

  const rows = [];
  const look = async (/** @type {string} */ row, /** @type {number} */ pid) => {
    await delay(QUIET_MS);
    rows.push({ row, ...(await measureIdle(pid, rounds * MINUTE_MS)) });
    say(JSON.stringify(rows.at(-1)));
  };
  let agent = await start();
  await look('new', agent.pid);
  await site.distribute([NAME], image);
  say(`holds ${LAYERS} layers`);
  await look('holding', agent.pid);
  await agent.stop();
  agent = await start();
  await look('restarted', agent.pid);
  for (const part of [agent, seeder, site, engine, registry]) await part.stop();
  removeFolder(folder);
  return describe(rows);
}

/** @param {{ folder: string, token: string, site: import('./shoal/site.mjs').Site, registry: { host: string, url: string }, engine: { address: string } }} of */
function settings({ folder, token, site, registry, engine }) {
  return {
    name: NAME,
    dataDir: path.join(folder, 'agent'),
    tracker: { url: site.url, token },
    peer: { host: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
    control: { port: 0 },
    proxy: { enabled: true, port: 0 },
    registries: [registry],
    engine: { address: engine.address },
    bandwidth: { link: '1 Gbit/s' },
  };
}

/** The program itself, with a session. @param {import('./shoal/site.mjs').Site} site @param {string} config */
async function startService({ url, token }, config) {
  const agent = startChild(process.execPath, [SHOAL, 'agent', '--config', config], { isForeign: true });
  const client = createTrackerClient({ url, token });
  const isOnline = async () => (await client.hosts()).some(({ name, online }) => name === NAME && online);
  const online = async () => {
    while (!(await isOnline())) await delay(LOOK_MS);
  };
  await agent.until('online', online());
  await client.close();
  return agent;
}

/** @param {number} pid @param {number} ms */
async function measureIdle(pid, ms) {
  resetPeakRss(pid);
  const [cpu, written] = [cpuSeconds([pid]), writtenBytes(pid)];
  await delay(ms);
  return {
    percentOfCore: ((cpuSeconds([pid]) - cpu) * 100 * 1000) / ms,
    rssMB: peakRssMB(pid),
    writtenBytes: writtenBytes(pid) - written,
  };
}

/** @param {{ row: string, percentOfCore: number, rssMB: number, writtenBytes: number }[]} rows */
function describe(rows) {
  const figures = Object.fromEntries(
    rows.flatMap(({ row, percentOfCore, rssMB, writtenBytes }) => [
      [`${row}PercentOfCore`, percentOfCore],
      [`${row}RssMB`, rssMB],
      [`${row}WrittenBytes`, writtenBytes],
    ]),
  );
  const goals = rows.flatMap(({ row }) =>
    GOALS.map(([what, most]) => /** @type {import('./harness/goals.mjs').Goal} */ ([`${row}${what}`, '≤', most])),
  );
  const table = formatTable(
    ['', '% of a core', 'RSS MB', 'bytes written'],
    rows.map(({ row, percentOfCore, rssMB, writtenBytes }) => [
      ...[row, cell(percentOfCore, 2), cell(rssMB, 0), cell(writtenBytes, 0)],
    ]),
  );
  return { figures, rows, text: [table, '', judge(figures, goals)].join('\n') };
}
