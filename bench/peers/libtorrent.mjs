/*
 * libtorrent to libtorrent, through Debian's Python binding: with its own settings, less encryption and discovery, and a
 * second time tuned for one fast connection.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createTorrentLane } from './torrent-program.mjs';

const PROGRAM = fileURLToPath(new URL('../programs/libtorrent-peer.py', import.meta.url));
/** Debian's own first: another Python in the path does not see Debian's packages. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

/** @param {import('./lane.mjs').Ground} ground @param {'default' | 'tuned'} profile */
export function createLibtorrentLane(ground, profile) {
  const python = PYTHONS.find((file) => spawnSync(file, ['-c', 'import libtorrent']).status === 0);
  return createTorrentLane(
    {
      name: profile === 'default' ? 'libtorrent' : 'libtorrent-tuned',
      missing: () => (python === undefined ? 'apt-get install python3-libtorrent' : undefined),
      command: () => [python ?? '', PROGRAM, profile],
    },
    ground,
  );
}
