/* aria2 to aria2. Its sender and receivers find each other through the bench's own small tracker. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { startChild } from '../harness/child.mjs';
import { measure } from '../harness/measure.mjs';
import { removeFolder } from '../harness/workplace.mjs';
import { openAnnounce } from './announce.mjs';
import { writeTorrentFile } from './torrent-file.mjs';

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
    missing: () => (spawnSync('aria2c', ['--version']).status === 0 ? undefined : 'apt-get install aria2'),
    async start() {
      announce = await openAnnounce();
      await writeTorrentFile(torrent, blob, announce.url);
      await writeFile(hook, '#!/bin/sh\necho \'{"event":"complete"}\'\n', { mode: 0o700 });
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

/** @param {readonly string[]} options */
async function startAria2(options) {
  const common = [
    ...[
      '--no-conf=true',
      '--quiet=true',
      `--stop-with-process=${process.pid}`,
      '--all-proxy=',
      '--interface=127.0.0.1',
    ],
    ...['--enable-dht=false', '--enable-dht6=false', '--bt-enable-lpd=false', '--enable-peer-exchange=false'],
    ...['--file-allocation=none', '--seed-ratio=0.0', `--listen-port=${await freePort()}`],
  ];
  return startChild('aria2c', [...common, ...options], { isForeign: true });
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
