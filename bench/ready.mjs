/*
 * When an image is in the engine: ordered as a pre-warm, next to `docker pull` of the same image from docker-registry.
 * `thin`: the base is there, one layer is new. `base`: three engines at once have nothing, and the registry's link is slow.
 */
import path from 'node:path';
import { MIB } from './harness/bytes.mjs';
import { BenchError } from './harness/errors.mjs';
import { waitUntilIdle } from './harness/proc.mjs';
import { measureRows } from './harness/rows.mjs';
import { openRoomyFolder, removeFolder } from './harness/workplace.mjs';
import { lackForNamespaces, removeLeftOverNamespaces } from './netns/namespace.mjs';
import { openNetwork } from './netns/network.mjs';
import { push, startDockerRegistry, startEngine } from './peers/engines.mjs';
import { openSite } from './shoal/site.mjs';
import { writeUsrImages } from './shoal/usr-image.mjs';
import { pushOther, writeBack } from './shoal/warm-up.mjs';

export const ROWS = ['thin', 'base'];
export const DEFAULT_SIZE = '1GiB';
export const DEFAULT_ROUNDS = 3;

/** @type {import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['thinReadyToPull', '≤', 1.2],
  ['baseSlowestReadyToPulls', '≤', 0.6],
];

/** Files of the new layer; packed they are about 50 MB. */
const NEW_LAYER_BYTES = 130 * MIB;
const BASE_LAYERS = 3;
const ENGINES = 3;
const REGISTRY_LINK = 200e6 / 8;
const SETTLE_MS = 30_000;
const REPOSITORY = 'team/app';

/** @typedef {{ folder: string, layout: string, say: (line: string) => void }} Ground */

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes, rounds, rows, dir, say }) {
  const [sizeBytes = 1024 * MIB] = sizesBytes;
  const lack = lackForNamespaces();
  if (lack !== undefined) throw new BenchError(lack);
  removeLeftOverNamespaces();
  const folder = openRoomyFolder(12 * sizeBytes, dir);
  const layout = path.join(folder, 'layout');
  const base = Array.from({ length: BASE_LAYERS }, () => sizeBytes / BASE_LAYERS);
  const [plain, thin] = await writeUsrImages(layout, { base, thin: [...base, NEW_LAYER_BYTES] });
  const newLayer = thin?.layers.at(-1)?.size ?? 0;
  say(`base ${((plain?.bytes ?? 0) / 1e6).toFixed(0)} MB packed, new layer ${(newLayer / 1e6).toFixed(1)} MB`);
  const ground = { folder, layout, say };
  const measures = { thin: () => measureThin(ground, rounds), base: () => measureBase(ground, rounds) };
  return measureRows({ rows, measures, goals: GOALS, facts: { newLayerMB: newLayer / 1e6 }, say });
}

/** On loopback; tracker, seeder and agent are new in each round, and brought the base. @param {Ground} ground @param {number} rounds */
async function measureThin({ folder, layout, say }, rounds) {
  const registry = await startDockerRegistry(path.join(folder, 'registry'));
  for (const tag of ['base', 'thin']) await push(`${layout}:${tag}`, `${registry.host}/${REPOSITORY}:${tag}`);
  const engine = await startEngine(path.join(folder, 'engine'));
  const [base, thin] = [`${registry.host}/${REPOSITORY}:base`, `${registry.host}/${REPOSITORY}:thin`];
  // From now on it knows the base's layers by the registry's digests: a pull upon a loaded base would fetch them again.
  await engine.pull(base);
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const site = await openSite({ folder: path.join(folder, 'site'), source: { registry } });
    const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
    const agent = await site.startAgents({ names: ['host'], engine: engine.address });
    await site.distribute(['host'], base);
    await waitUntilIdle([seeder.pid, agent.pid], SETTLE_MS);
    const pull = async () => {
      await writeBack();
      return engine.pull(thin);
    };
    const before = round % 2 === 0 ? await pull() : undefined;
    await writeBack();
    const started = performance.now();
    await site.distribute(['host'], thin);
    const readySeconds = (performance.now() - started) / 1000;
    await engine.remove(thin);
    const pullSeconds = before ?? (await pull());
    await engine.remove(base);
    for (const part of [agent, seeder, site]) await part.stop();
    removeFolder(path.join(folder, 'site'));
    say(`thin: docker pull ${pullSeconds.toFixed(2)} s, pre-warm ${readySeconds.toFixed(2)} s`);
    found.push({
      thinReadyToPull: readySeconds / pullSeconds,
      thinReadySeconds: readySeconds,
      thinPullSeconds: pullSeconds,
    });
  }
  await engine.stop();
  await registry.stop();
  for (const name of ['registry', 'engine']) removeFolder(path.join(folder, name));
  return found;
}

/** Engines and agents stand in a network without limits but for the registry's link. @param {Ground} ground @param {number} rounds */
async function measureBase({ folder, layout, say }, rounds) {
  const network = openNetwork({
    outside: 1 + 1 + ENGINES,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    linkOf: (host) => (host === 0 ? REGISTRY_LINK : Number.POSITIVE_INFINITY),
  });
  const [registryPlace, seederPlace, ...places] = network.hosts;
  const registry = await startDockerRegistry(path.join(folder, 'registry'), registryPlace);
  const base = `${registry.host}/${REPOSITORY}:base`;
  const other = `${registry.host}/${REPOSITORY}:other`;
  await push(`${layout}:base`, base, registryPlace);
  await pushOther(folder, other, registryPlace);
  const engines = await Promise.all(places.map((place, at) => startEngine(path.join(folder, `engine-${at}`), place)));
  const found = [];
  for (let round = 0; round < rounds; round++) {
    await writeBack();
    const pulls = await Promise.all(engines.map((engine) => engine.fetch(base)));
    await Promise.all(engines.map((engine) => engine.remove(base)));
    const site = await openSite({ folder: path.join(folder, 'site'), source: { registry }, place: network.hub });
    const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder', place: seederPlace });
    const agents = await Promise.all(
      places.map((place, at) => site.startAgents({ names: [`host-${at}`], place, engine: engines[at]?.address })),
    );
    const hosts = agents.flatMap(({ names }) => names);
    await site.distribute(hosts, other);
    await Promise.all(engines.map((engine) => engine.remove(other)));
    await waitUntilIdle([seeder.pid, ...agents.map(({ pid }) => pid)], SETTLE_MS);
    await writeBack();
    const started = performance.now();
    await site.distribute(hosts, base);
    const readySeconds = (performance.now() - started) / 1000;
    await Promise.all(engines.map((engine) => engine.remove(base)));
    for (const part of [...agents, seeder, site]) await part.stop();
    removeFolder(path.join(folder, 'site'));
    const pullsSeconds = Math.max(...pulls);
    say(`base: three docker pulls ${pullsSeconds.toFixed(1)} s, pre-warm ${readySeconds.toFixed(1)} s`);
    found.push({
      baseSlowestReadyToPulls: readySeconds / pullsSeconds,
      ...{ baseReadySeconds: readySeconds, basePullsSeconds: pullsSeconds },
    });
  }
  await Promise.all(engines.map((engine) => engine.stop()));
  await registry.stop();
  await network.close();
  for (const name of ['registry', ...engines.map((_, at) => `engine-${at}`)]) removeFolder(path.join(folder, name));
  return found;
}
