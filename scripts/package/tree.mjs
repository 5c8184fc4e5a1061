/*
 * The folder that runs Shoal on a host without Node: bin/ with the command, lib/ with the runtime and the code. The same
 * for archive, Debian package and image. Writes into one folder and nowhere else.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runtimeFiles, runtimeParts } from './closure.mjs';

/**
 * @typedef {object} TreeOptions
 * @property {string} root of this checkout, built
 * @property {string} version of the package
 * @property {'linux-x64' | 'win-x64'} target
 * @property {string} node the runtime's program for that target
 * @property {string | undefined} native better_sqlite3.node for that target and runtime; without it there is no tracker
 */

const SQLITE = 'better-sqlite3';
const SQLITE_BINARY = 'build/Release/better_sqlite3.node';

/** @param {string} folder empty @param {TreeOptions} options */
export function writeTree(folder, { root, version, target, node, native }) {
  const isWindows = target === 'win-x64';
  const lib = path.join(folder, 'lib');
  mkdirSync(lib, { recursive: true });
  mkdirSync(path.join(folder, 'bin'));
  copyProgram(path.join(root, 'packaging/bin', isWindows ? 'shoal.cmd' : 'shoal'), path.join(folder, 'bin'));
  copyRuntime(node, path.join(lib, isWindows ? 'node.exe' : 'node'));
  const parts = runtimeParts(root);
  for (const part of parts) copyPart(part, lib);
  for (const { to, manifest } of parts.filter(({ manifest }) => manifest.name.startsWith('@shoal/')))
    writeFileSync(path.join(lib, to, 'package.json'), `${JSON.stringify({ ...manifest, version }, null, 2)}\n`);
  const sqlite = parts.find(({ manifest }) => manifest.name === SQLITE);
  if (sqlite && native) copyFile(native, path.join(lib, sqlite.to, SQLITE_BINARY), 0o644);
  writeFileSync(path.join(folder, 'LICENSES.txt'), licenses(parts));
}

/** Where this checkout's own better_sqlite3.node is: for this platform and this Node. */
export function ownNative(root) {
  return path.join(root, 'node_modules', SQLITE, SQLITE_BINARY);
}

function copyPart(part, lib) {
  for (const file of runtimeFiles(part)) {
    if (file === SQLITE_BINARY) continue;
    copyFile(path.join(part.from, file), path.join(lib, part.to, file), 0o644);
  }
}

function copyFile(from, to, mode) {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
  chmodSync(to, mode);
}

function copyProgram(from, folder) {
  const to = path.join(folder, path.basename(from));
  cpSync(from, to);
  chmodSync(to, 0o755);
}

/** Debug symbols are an eighth of it; without `strip` they stay. */
function copyRuntime(node, to) {
  copyFile(node, to, 0o755);
  if (!to.endsWith('.exe')) spawnSync('strip', [to], { stdio: 'ignore' });
}

/** One line a package, then what its authors want to be shown with it. */
function licenses(parts) {
  const others = parts.filter(({ manifest }) => !manifest.name.startsWith('@shoal/'));
  others.sort((a, b) => (a.to < b.to ? -1 : 1));
  const texts = others.flatMap((part) =>
    runtimeFiles(part)
      .filter((file) => /^(licen[cs]e|notice|copying)[^/]*$/i.test(file))
      .map((file) => `\n==== ${part.manifest.name}: ${file}\n\n${readFileSync(path.join(part.from, file), 'utf8')}`),
  );
  const lines = others.map(
    ({ manifest }) => `${manifest.name} ${manifest.version}: ${manifest.license ?? 'see below'}\n`,
  );
  const head = 'Shoal: Apache-2.0\nNode.js: MIT and others, https://github.com/nodejs/node/blob/main/LICENSE\n';
  return `${head}${lines.join('')}${texts.join('')}`;
}
