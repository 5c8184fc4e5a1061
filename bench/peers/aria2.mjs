/* aria2 to aria2. Its sender and receivers find each other through the bench's own small tracker. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { startChild } from '../harness/child.mjs';
import { measure } from '../harness/measure.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { inPlace } from '../netns/place.mjs';
import { openAnnounce } from './announce.mjs';
import { writeTorrentFile } from './torrent-file.mjs';

/** In a namespace nobody else takes it. */
const PORT_IN_PLACE = 6881;

/** @param {import('./lane.mjs').Ground} ground @returns {import('./lane.mjs').Lane} */
export function createAria2Lane({ folder, seedFolder, blob, transferTimeoutMs }) {
  const torrent = path.join(folder, 'aria2.torrent');
  const hook = path.join(folder, 'aria2-complete.sh');
  /** @type {Awaited<ReturnType<typeof openAnnounce>>} */
  let announce;
  /** @type {import('../harness/child.mjs').Child} */
  let sender;
  return {
    name: 'aria2 → aria2',
    missing: lackOfAria2,
    async start() {
      announce = await openAnnounce();
      await writeTorrentFile(torrent, blob, announce.url);
      await writeHook(hook);
      sender = await startAria2([`--dir=${seedFolder}`, '--bt-seed-unverified=true', torrent]);
      await sender.until('announcement', announce.senderIsThere());
    },
    async transfer(round) {
      const target = path.join(folder, `aria2-${round}`);
      await mkdir(target);
      const receiver = await startAria2([`--dir=${target}`, `--on-bt-download-complete=${hook}`, torrent]);
      const run = () => {
        announce.letGo();
        return receiver.next('complete', transferTimeoutMs);
      };
      try {
        await receiver.until('announcement', announce.receiverWaits());
        return await measure({ bytes: blob.sizeBytes, receiver: receiver.pid, senders: [sender.pid], run });
      } finally {
        await receiver.stop();
        removeFolder(target);
      }
    },
    async stop() {
      await sender?.stop();
      await announce?.close();
    },
  };
}

/** How to get it when it is not there. */
export function lackOfAria2() {
  return spawnSync('aria2c', ['--version']).status === 0 ? undefined : 'apt-get install aria2';
}

/** For --on-bt-download-complete: aria2 then speaks as harness/child.mjs wants. @param {string} file */
export async function writeHook(file) {
  await writeFile(file, '#!/bin/sh\necho \'{"event":"complete"}\'\n', { mode: 0o700 });
}

/** @param {readonly string[]} options @param {import('../netns/network.mjs').Place} [place] loopback unless given */
export async function startAria2(options, place) {
  const common = [
    ...['--no-conf=true', '--quiet=true', `--stop-with-process=${process.pid}`, '--all-proxy='],
    `--interface=${place?.address ?? '127.0.0.1'}`,
    ...['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false'],
    ...['--file-allocation=none', '--seed-ratio=0.0', `--listen-port=${place ? PORT_IN_PLACE : await freePort()}`],
  ];
  return startChild(...inPlace(place, 'aria2c', [...common, ...options]), { isForeign: true });
}

/** 1024 and up, which aria2 demands. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}
