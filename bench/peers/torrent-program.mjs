/*
 * Programs that speak harness/child.mjs' lines (webtorrent's and libtorrent's are ours): `seed` tells `ready` with its
 * port, `leech` tells `ready`, gets { do: 'start', port } and tells `complete`.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { startChild } from '../harness/child.mjs';
import { measure } from '../harness/measure.mjs';
import { removeFolder } from '../harness/workplace.mjs';

/**
 * @param {{ name: string, missing: () => string | undefined, command: () => readonly string[] }} program
 * @param {import('./lane.mjs').Ground} ground
 * @returns {import('./lane.mjs').Lane}
 */
export function createTorrentLane(
  { name, missing, command },
  { folder, seedFolder, torrent, blob, transferTimeoutMs },
) {
  /** @type {import('../harness/child.mjs').Child} */
  let sender;
  let port = 0;
  const start = (/** @type {'seed' | 'leech'} */ role, /** @type {string} */ place) => {
    const [file = '', ...args] = command();
    return startChild(file, [...args, role, torrent, place]);
  };
  return {
    name: `${name} → ${name}`,
    missing,
    async start() {
      sender = start('seed', seedFolder);
      port = (await sender.next('ready', transferTimeoutMs)).port;
    },
    async transfer(round) {
      const target = path.join(folder, `${name}-${round}`);
      await mkdir(target);
      const receiver = start('leech', target);
      const run = () => {
        receiver.say({ do: 'start', port });
        return receiver.next('complete', transferTimeoutMs);
      };
      try {
        await receiver.next('ready');
        return await measure({ bytes: blob.sizeBytes, receiver: receiver.pid, senders: [sender.pid], run });
      } finally {
        await receiver.stop();
        removeFolder(target);
      }
    },
    stop: async () => sender?.stop(),
  };
}
