/*
 * One race of real agents: a tracker without a limit, a seeder and its hosts, every agent in a namespace of its own with
 * Shoal's caps set to its link's. All are connected and know nothing; then the job is created.
 */
import path from 'node:path';
import { measureRace } from '../harness/measure-race.mjs';
import { waitUntilIdle } from '../harness/proc.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { openSite } from './site.mjs';

const SETTLE_MS = 60_000;

/**
 * @typedef {object} RaceGround what every racing program works with
 * @property {string} folder
 * @property {import('../harness/blob.mjs').BlobFacts} blob
 * @property {string} layout folder of the OCI layout that holds it
 * @property {string} seedFolder has it under the name in the torrent
 * @property {import('../netns/network.mjs').Network} network the first host is the seeder's
 * @property {number} bytesPerSecond
 * @property {number} timeoutMs
 * @typedef {import('../harness/measure-race.mjs').RaceResult} RaceResult
 * @typedef {import('./site.mjs').AgentProcess} AgentProcess
 */

/** @param {RaceGround} ground @param {{ isCold: boolean }} start cold: the seeder does not hold the blob yet @returns {Promise<RaceResult>} */
export async function raceShoal(ground, { isCold }) {
  const { network, blob, bytesPerSecond, timeoutMs } = ground;
  const folder = path.join(ground.folder, 'shoal');
  const source = { layout: ground.layout };
  const site = await openSite({ folder, source, place: network.hub, jobTimeoutMs: timeoutMs });
  const originBefore = isCold ? 0 : await warmUp(site, network.hub);
  const [seederHost, ...hosts] = network.hosts;
  const seeder = await site.startAgents({
    ...{ names: ['seeder'], role: 'seeder', place: seederHost },
    capBytesPerSecond: bytesPerSecond,
  });
  const agents = await Promise.all(
    hosts.map(({ zone, ...place }, index) =>
      site.startAgents({
        ...{ names: [`host-${index + 1}`], place, capBytesPerSecond: bytesPerSecond },
        labels: zone === undefined ? {} : { zone },
      }),
    ),
  );
  const result = await race({ site, seeder, agents, ground });
  result.sample.originCopies = (result.sample.originCopies ?? 0) + originBefore / blob.sizeBytes;
  await Promise.all([...agents, seeder].map((agent) => agent.stop()));
  await site.stop();
  removeFolder(folder);
  return result;
}

/**
 * The seeder gets the blob where nothing is limited, and another agent asks for it: nobody reads what nobody wants.
 * Returns the bytes it read from the origin.
 * @param {import('./site.mjs').Site} site @param {import('../netns/network.mjs').Place} place
 */
async function warmUp(site, place) {
  const seeder = await site.startAgents({ names: ['seeder'], role: 'seeder', place });
  const first = await site.startAgents({ names: ['first'], place });
  await site.distribute(first.names);
  const [{ traffic }] = await seeder.status();
  await first.stop();
  await seeder.stop({ keep: true });
  return traffic.originBytes;
}

/** @param {{ site: import('./site.mjs').Site, seeder: AgentProcess, agents: AgentProcess[], ground: RaceGround }} start */
async function race({ site, seeder, agents, ground: { network, blob, timeoutMs } }) {
  const hosts = agents.map(({ pid }) => pid);
  const { sizeBytes } = blob;
  await waitUntilIdle([seeder.pid, ...hosts], SETTLE_MS);
  let jobId = '';
  const { seconds, sample } = await measureRace({
    ...{ sizeBytes, network, hosts, seeder: seeder.pid },
    ready: agents.map((agent) => () => agent.imageReady(timeoutMs)),
    start: async () => {
      jobId = await site.begin(agents.flatMap(({ names }) => names));
    },
  }).catch(async (error) => {
    throw new Error(`${error.message}: ${await describeHosts(site, jobId).catch(() => 'no job')}`);
  });
  const [ofSeeder, ...statuses] = (await Promise.all([seeder, ...agents].map((agent) => agent.status()))).flat();
  const wasted = statuses.flatMap(({ blobs }) => blobs).reduce((sum, { wastedBytes }) => sum + wastedBytes, 0);
  return {
    seconds,
    sample: {
      ...sample,
      // Its own count is of blob bytes alone; in a small blob what else it sends would weigh.
      seederCopies: ofSeeder.traffic.sentBytes / sizeBytes,
      originCopies: ofSeeder.traffic.originBytes / sizeBytes,
      duplicates: wasted / agents.length / sizeBytes,
    },
  };
}

/** How far each host is. @param {import('./site.mjs').Site} site @param {string} jobId */
async function describeHosts(site, jobId) {
  const { hosts } = await site.job(jobId);
  const share = (/** @type {{ haveBytes: number, wantedBytes: number }[]} */ images) =>
    images.map(({ haveBytes, wantedBytes }) => `${haveBytes} of ${wantedBytes} bytes`).join();
  return hosts.map(({ name, state, images, error }) => `${name} ${error?.text ?? state} ${share(images)}`).join(', ');
}
