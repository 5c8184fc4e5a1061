/*
 * The same race with aria2: one seeder, the same torrent and caps, everyone introduced to everyone at once by the bench's
 * own small tracker.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startChild } from '../harness/child.mjs';
import { measureRace } from '../harness/measure-race.mjs';
import { waitUntilIdle } from '../harness/proc.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { inPlace } from '../netns/place.mjs';
import { startAria2, writeHook } from './aria2.mjs';
import { writeTorrentFile } from './torrent-file.mjs';

const ANNOUNCE = fileURLToPath(new URL('../programs/announce.mjs', import.meta.url));
const POLL_MS = 50;
const SETTLE_MS = 60_000;

/** @typedef {import('../harness/child.mjs').Child} Child */

/** @param {import('../shoal/swarm-race.mjs').RaceGround} ground @returns {Promise<import('../harness/measure-race.mjs').RaceResult>} */
export async function raceAria2(ground) {
  const { network, blob } = ground;
  const folder = path.join(ground.folder, 'aria2');
  await mkdir(folder);
  const announce = startChild(...inPlace(network.hub, process.execPath, [ANNOUNCE, network.hub.address]));
  const torrent = path.join(folder, 'swarm.torrent');
  const hook = path.join(folder, 'complete.sh');
  await writeTorrentFile(torrent, blob, (await announce.next('ready')).url);
  await writeHook(hook);
  const cap = Math.round(ground.bytesPerSecond);
  const limits = [`--max-overall-upload-limit=${cap}`, `--max-overall-download-limit=${cap}`];
  const [seederHost, ...hosts] = network.hosts;
  const seeding = [...limits, `--dir=${ground.seedFolder}`, '--bt-seed-unverified=true', torrent];
  const seeder = await startAria2(seeding, seederHost);
  await announce.next('sender');
  const receivers = await Promise.all(
    hosts.map(async (host, index) => {
      const target = path.join(folder, `host-${index + 1}`);
      await mkdir(target);
      return startAria2([...limits, `--dir=${target}`, `--on-bt-download-complete=${hook}`, torrent], host);
    }),
  );
  await allWait(announce, [seeder, ...receivers]);
  const result = await measureRace({
    ...{ sizeBytes: blob.sizeBytes, network, seeder: seeder.pid, hosts: receivers.map(({ pid }) => pid) },
    ready: receivers.map((receiver) => () => receiver.next('complete', ground.timeoutMs)),
    start: () => announce.say({ do: 'letGo' }),
  });
  await Promise.all([...receivers, seeder, announce].map((child) => child.stop()));
  removeFolder(folder);
  return result;
}

/** Until every receiver has asked who else there is. @param {Child} announce @param {readonly Child[]} programs */
async function allWait(announce, programs) {
  for (;;) {
    announce.say({ do: 'count' });
    if ((await announce.next('count')).waiting >= programs.length - 1) break;
    await delay(POLL_MS);
  }
  await waitUntilIdle(
    programs.map(({ pid }) => pid),
    SETTLE_MS,
  );
}
