/*
 * Pulls through the agent's proxy next to pulls straight from the registry: a real dockerd and docker-registry, cold,
 * warm, and with a slow registry and four peers; the first byte of a cold layer; twenty hosts at once; slow clients.
 */
import { get } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { formatBytes, MIB } from './harness/bytes.mjs';
import { BenchError } from './harness/errors.mjs';
import { peakRssMB, resetPeakRss, waitUntilIdle } from './harness/proc.mjs';
import { measureRows } from './harness/rows.mjs';
import { openRoomyFolder, removeFolder } from './harness/workplace.mjs';
import { lackForNamespaces, removeLeftOverNamespaces } from './netns/namespace.mjs';
import { openNetwork } from './netns/network.mjs';
import { inPlace } from './netns/place.mjs';
import { push, run, startDockerRegistry, startEngine } from './peers/engines.mjs';
import { writeLayout } from './shoal/layout.mjs';
import { openSite } from './shoal/site.mjs';
import { writeUsrImage } from './shoal/usr-image.mjs';
import { pushOther, writeBack } from './shoal/warm-up.mjs';

export const ROWS = ['cold', 'warm', 'capped', 'firstByte', 'fleet', 'lost', 'clients'];
export const DEFAULT_SIZE = '1GiB';
export const DEFAULT_ROUNDS = 3;

/** @type {import('./harness/goals.mjs').Goal[]} */
const GOALS = [
  ['coldToDirect', '≤', 1.15],
  ['cappedToDirect', '≤', 0.7],
  ['warmToDirect', '≤', 1],
  ['firstByteLaterMs', '≤', 150],
  ['fleetRegistryCopies', '≤', 1.05],
  ['lostFailedPulls', '≤', 0],
  ['lostRegistryCopies', '≤', 1.2],
  ['slowClientsRssMB', '≤', 280],
];

const IMAGE = 'team/app:1';
const OTHER = 'team/other:1';
const PEERS = 4;
/** Upload of a peer where the registry has the half of all peers together. */
const PEER_CAP = 5 * MIB;
const FLEET = 20;
const FLEET_BYTES = 64 * MIB;
const FLEET_CAP = 5 * MIB;
/** Half of it is there by then, however busy the machine, or never. */
const MOST_HALF_MS = 120_000;
/** A look starts a program for each host. */
const LOOK_MS = 1000;
const SLOW_CLIENTS = 200;
const SLOW_MS = 15_000;
const SETTLE_MS = 30_000;
/** Of the wire, for the payload of a frame. */
const WIRE = 1514 / 1448;

/** @typedef {{ folder: string, sizeBytes: number, say: (line: string) => void, image: import('./shoal/usr-image.mjs').UsrImage }} Ground */

/** @param {import('./run.mjs').BenchOptions} options @returns {Promise<import('./run.mjs').BenchResult>} */
export async function runBench({ sizesBytes, rounds, rows, dir, say }) {
  const [sizeBytes = 1024 * MIB] = sizesBytes;
  const lack = lackForNamespaces();
  if (lack !== undefined) throw new BenchError(lack);
  removeLeftOverNamespaces();
  const folder = openRoomyFolder(8 * sizeBytes, dir);
  say(`an image of ${formatBytes(sizeBytes)} of /usr`);
  const image = await writeUsrImage(path.join(folder, 'layout'), sizeBytes);
  say(`${formatBytes(image.bytes)} packed`);
  const ground = { folder, sizeBytes, say, image };
  const measures = {
    ...{ cold: () => cold(ground, rounds), warm: () => warm(ground, rounds), capped: () => capped(ground, rounds) },
    ...{ firstByte: () => firstByte(ground, rounds), fleet: () => fleet(ground, rounds) },
    ...{ lost: () => fleetWithoutTracker(ground, rounds), clients: () => clients(ground) },
  };
  return measureRows({ rows, measures, goals: GOALS, say });
}

/** A site on loopback that reads a registry, with an engine. @param {Ground} ground */
async function openLoopback({ folder, image }) {
  const registry = await startDockerRegistry(path.join(folder, 'registry'));
  await push(image.folder, `${registry.host}/${IMAGE}`);
  await pushOther(folder, `${registry.host}/${OTHER}`);
  const engine = await startEngine(path.join(folder, 'engine'));
  return {
    registry,
    engine,
    async close() {
      await engine.stop();
      await registry.stop();
      for (const name of ['registry', 'engine']) removeFolder(path.join(folder, name));
    },
  };
}

/** Tracker, seeder and one agent that hold nothing of what is measured. @param {{ host: string, url: string }} registry @param {string} folder */
async function openHost(registry, folder) {
  const site = await openSite({ folder, source: { registry } });
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder' });
  const agent = await site.startAgents({ names: ['host'], proxy: registry });
  await copy(undefined, `127.0.0.1:${agent.proxyPort}/${OTHER}`, path.join(folder, 'other'));
  await waitUntilIdle([seeder.pid, agent.pid], SETTLE_MS);
  await writeBack();
  return {
    agent,
    async close() {
      await agent.stop();
      await seeder.stop();
      await site.stop();
      removeFolder(folder);
    },
  };
}

/** @param {Ground} ground @param {number} rounds */
async function cold(ground, rounds) {
  const { registry, engine, close } = await openLoopback(ground);
  const found = [];
  for (let round = 0; round < rounds; round++) {
    await writeBack();
    const directSeconds = await engine.pull(`${registry.host}/${IMAGE}`);
    const host = await openHost(registry, path.join(ground.folder, 'site'));
    const seconds = await engine.pull(`localhost:${host.agent.proxyPort}/${IMAGE}`);
    await host.close();
    ground.say(`cold: direct ${directSeconds.toFixed(1)} s, through the agent ${seconds.toFixed(1)} s`);
    found.push({ coldToDirect: seconds / directSeconds, coldSeconds: seconds, coldDirectSeconds: directSeconds });
  }
  await close();
  return found;
}

/** @param {Ground} ground @param {number} rounds */
async function warm(ground, rounds) {
  const { registry, engine, close } = await openLoopback(ground);
  const host = await openHost(registry, path.join(ground.folder, 'site'));
  const through = `localhost:${host.agent.proxyPort}/${IMAGE}`;
  await engine.pull(through);
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const directSeconds = await engine.pull(`${registry.host}/${IMAGE}`);
    const seconds = await engine.pull(through);
    ground.say(`warm: direct ${directSeconds.toFixed(1)} s, through the agent ${seconds.toFixed(1)} s`);
    found.push({ warmToDirect: seconds / directSeconds, warmSeconds: seconds, warmDirectSeconds: directSeconds });
  }
  await host.close();
  await close();
  return found;
}

/** The registry has half of what four peers have. @param {Ground} ground @param {number} rounds */
async function capped(ground, rounds) {
  const network = openNetwork({
    outside: 1,
    bytesPerSecond: Number.POSITIVE_INFINITY,
    linkOf: () => (PEERS / 2) * PEER_CAP * WIRE,
  });
  const { hub, hosts } = network;
  const registry = await startDockerRegistry(path.join(ground.folder, 'registry'), hosts[0]);
  await push(ground.image.folder, `${registry.host}/${IMAGE}`, hosts[0]);
  const folder = path.join(ground.folder, 'site');
  const site = await openSite({ folder, source: { registry }, place: hub });
  const first = await site.startAgents({ names: ['first-seeder'], role: 'seeder', place: hub });
  const peers = await Promise.all(
    Array.from({ length: PEERS }, (_, at) =>
      site.startAgents({
        ...{ names: [`peer-${at}`], place: hub, proxy: registry },
        ...{ capBytesPerSecond: PEER_CAP },
      }),
    ),
  );
  ground.say('capped: four peers get the image');
  await Promise.all(
    peers.map(({ proxyPort }, at) => copy(hub, `127.0.0.1:${proxyPort}/${IMAGE}`, path.join(folder, `p${at}`))),
  );
  await first.stop();
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder', place: hub });
  const engine = await startEngine(path.join(ground.folder, 'engine'), hub);
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const directSeconds = await engine.pull(`${registry.host}/${IMAGE}`);
    const agent = await site.startAgents({ names: [`host-${round}`], place: hub, proxy: registry });
    const seconds = await engine.pull(`localhost:${agent.proxyPort}/${IMAGE}`);
    await agent.stop();
    ground.say(`capped: direct ${directSeconds.toFixed(1)} s, through the agent ${seconds.toFixed(1)} s`);
    found.push({ cappedToDirect: seconds / directSeconds, cappedSeconds: seconds, cappedDirectSeconds: directSeconds });
  }
  await engine.stop();
  await Promise.all([...peers, seeder].map((one) => one.stop()));
  await site.stop();
  await registry.stop();
  await network.close();
  for (const name of ['site', 'registry', 'engine']) removeFolder(path.join(ground.folder, name));
  return found;
}

/** One blob of random bytes, cold each time. @param {Ground} ground @param {number} rounds */
async function firstByte(ground, rounds) {
  const layout = await writeLayout(path.join(ground.folder, 'blob'), ground.sizeBytes, 4 * MIB);
  const registry = await startDockerRegistry(path.join(ground.folder, 'registry'));
  await push(layout.folder, `${registry.host}/${IMAGE}`);
  await pushOther(ground.folder, `${registry.host}/${OTHER}`);
  const target = `/v2/team/app/blobs/${layout.blob.digest}`;
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const host = await openHost(registry, path.join(ground.folder, 'site'));
    const through = `http://127.0.0.1:${host.agent.proxyPort}`;
    // An engine has read manifest and config before it asks for a layer.
    for (const url of [registry.url, through]) await readConfig(url);
    const directMs = await timeToFirstByte(`${registry.url}${target}`);
    const ms = await timeToFirstByte(`${through}${target}`);
    await host.close();
    found.push({ firstByteLaterMs: ms - directMs, firstByteMs: ms, firstByteDirectMs: directMs });
  }
  await registry.stop();
  for (const name of ['blob', 'registry']) removeFolder(path.join(ground.folder, name));
  return found;
}

/** @param {string} url */
async function readConfig(url) {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await fetch(`${url}/v2/team/app/manifests/1`, { headers: { accept } });
  const { config } = /** @type {{ config: { digest: string } }} */ (await manifest.json());
  await (await fetch(`${url}/v2/team/app/blobs/${config.digest}`)).arrayBuffer();
}

/** @param {string} url @returns {Promise<number>} ms */
function timeToFirstByte(url) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const request = get(url, { agent: false }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`${url} answered ${answer.statusCode}`));
      answer.once('data', () => {
        resolve(performance.now() - started);
        request.destroy();
      });
    });
    request.on('error', reject);
  });
}

/** @param {Ground} ground @param {number} rounds */
async function fleet(ground, rounds) {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const { copies, seconds, failed } = await pullInFleet(ground, async () => {});
    found.push({ fleetRegistryCopies: copies, fleetSeconds: seconds, fleetFailedPulls: failed });
  }
  return found;
}

/** The tracker is killed when the registry has sent half. @param {Ground} ground @param {number} rounds */
async function fleetWithoutTracker(ground, rounds) {
  const found = [];
  for (let round = 0; round < rounds; round++) {
    const { copies, seconds, failed } = await pullInFleet(ground, async (site, copiesSent) => {
      const latest = performance.now() + MOST_HALF_MS;
      while (copiesSent() < 0.5 && performance.now() < latest) await delay(LOOK_MS);
      site.killTracker();
    });
    found.push({ lostFailedPulls: failed, lostRegistryCopies: copies, lostSeconds: seconds });
  }
  return found;
}

/** Each host in a namespace of its own, all at once. @param {Ground} ground @param {(site: import('./shoal/site.mjs').Site, copiesSent: () => number) => Promise<void>} meanwhile */
async function pullInFleet({ folder: parent, say }, meanwhile) {
  const folder = path.join(parent, 'fleet');
  const layout = await writeLayout(path.join(folder, 'layout'), FLEET_BYTES, MIB);
  const network = openNetwork({ outside: FLEET + 2, bytesPerSecond: FLEET_CAP });
  const [registryPlace, seederPlace, ...places] = network.hosts;
  const registry = await startDockerRegistry(path.join(folder, 'registry'), registryPlace);
  await push(layout.folder, `${registry.host}/${IMAGE}`, registryPlace);
  const site = await openSite({ folder: path.join(folder, 'site'), source: { registry }, place: network.hub });
  const capBytesPerSecond = FLEET_CAP;
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder', place: seederPlace, capBytesPerSecond });
  const agents = await Promise.all(
    places.map((place, at) => site.startAgents({ names: [`host-${at}`], place, proxy: registry, capBytesPerSecond })),
  );
  await waitUntilIdle([seeder.pid, ...agents.map(({ pid }) => pid)], SETTLE_MS);
  const before = network.traffic().sentBytes[0] ?? 0;
  const copiesSent = () => ((network.traffic().sentBytes[0] ?? 0) - before) / WIRE / FLEET_BYTES;
  const started = performance.now();
  const pulls = agents.map(({ proxyPort }, at) =>
    copy(places[at], `127.0.0.1:${proxyPort}/${IMAGE}`, path.join(folder, `pulled-${at}`)),
  );
  const [results] = await Promise.all([Promise.allSettled(pulls), meanwhile(site, copiesSent)]);
  const seconds = (performance.now() - started) / 1000;
  const copies = copiesSent();
  const failed = results.filter(({ status }) => status === 'rejected').length;
  for (const result of results) if (result.status === 'rejected') say(String(result.reason).slice(0, 400));
  await Promise.all([...agents, seeder].map((agent) => agent.stop()));
  await site.stop().catch(() => {}); // it may have been killed
  await registry.stop();
  await network.close();
  removeFolder(folder);
  return { copies, seconds, failed };
}

/** @param {import('./netns/network.mjs').Place | undefined} place @param {string} image @param {string} to */
async function copy(place, image, to) {
  const flags = ['--insecure-policy', 'copy', '--quiet', '--src-tls-verify=false'];
  const [command, args] = inPlace(place, 'skopeo', [...flags, `docker://${image}`, `dir:${to}`]);
  await run(command, [...args]);
}

/** Slow ones, half of them of a blob that is here, half of one that is not. @param {Ground} ground */
async function clients(ground) {
  const { registry, close } = await openLoopback(ground);
  const host = await openHost(registry, path.join(ground.folder, 'site'));
  const urls = ground.image.layers.map(
    ({ digest }) => `http://127.0.0.1:${host.agent.proxyPort}/v2/team/app/blobs/${digest}`,
  );
  await drain(urls[0] ?? '');
  resetPeakRss(host.agent.pid);
  const requests = Array.from({ length: SLOW_CLIENTS }, (_, at) => readSlowly(urls[at % 2] ?? ''));
  await delay(SLOW_MS);
  const rss = peakRssMB(host.agent.pid);
  for (const request of requests) request.destroy();
  await host.close();
  await close();
  return [{ slowClientsRssMB: rss }];
}

/** @param {string} url */
function drain(url) {
  return new Promise((resolve, reject) => {
    get(url, (answer) => answer.resume().once('end', resolve)).once('error', reject);
  });
}

/** A byte a second. @param {string} url */
function readSlowly(url) {
  const request = get(url, { agent: false }, (answer) => {
    answer.pause();
    const timer = setInterval(() => answer.read(1), 1000);
    answer.once('close', () => clearInterval(timer));
    answer.on('error', () => {});
  });
  request.on('error', () => {});
  return request;
}
