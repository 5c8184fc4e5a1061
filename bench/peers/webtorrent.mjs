/*
 * webtorrent to webtorrent. It has a folder with its own lock file, installed when it is first asked for: what it needs
 * does not install beside our own dependencies. No package script runs; native parts it can do without are stubs.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from '../../scripts/rules.mjs';
import { createTorrentLane } from './torrent-program.mjs';

const FOLDER = fileURLToPath(new URL('../webtorrent/', import.meta.url));
const INSTALL = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];

/** @param {import('./lane.mjs').Ground} ground */
export function createWebtorrentLane(ground) {
  return createTorrentLane(
    {
      name: 'webtorrent',
      missing: () =>
        isThere() || (install() && isThere()) ? undefined : `cd bench/webtorrent && npm ${INSTALL.join(' ')}`,
      command: () => [process.execPath, path.join(FOLDER, 'peer.mjs')],
    },
    ground,
  );
}

function isThere() {
  const lock = readJson('package-lock.json');
  return lock !== undefined && isInstalled(lock, readJson('node_modules/.package-lock.json'));
}

function install() {
  process.stderr.write('bench: installing webtorrent (npm ci in bench/webtorrent)\n');
  const script = process.env.npm_execpath;
  const [file, args] = script?.endsWith('npm-cli.js') ? [process.execPath, [script, ...INSTALL]] : ['npm', INSTALL];
  return spawnSync(file, args, { cwd: FOLDER, stdio: ['ignore', 2, 2] }).status === 0;
}

/** @param {string} file */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8'));
  } catch {
    return undefined;
  }
}
