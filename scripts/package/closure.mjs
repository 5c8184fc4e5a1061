/*
 * What of this checkout runs: the packages that the command needs, found as Node finds them, and which of their files.
 * Copies nothing.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';

/**
 * @typedef {object} Part
 * @property {string} from folder of the package in this checkout
 * @property {string} to where it belongs, from the folder that has node_modules
 * @property {{ name: string, version: string, license?: string }} manifest its package.json
 */

/** For the installation of better-sqlite3, and for the runtime Bare: Node loads none of them. */
const NEVER_LOADED = /^(prebuild-install|bare-.*)$/;
const TOP_FOLDERS = /^(test|tests|docs?|examples?|bench|benchmarks?|\.github|node_modules)$/;
const WRITING = /\.(ts|mts|cts|map|md|markdown|flow|tsbuildinfo|yml)$|\.(test|testkit)\.js$/i;
/** Of a native package its sources and what its compiler left. */
const NATIVE = { 'better-sqlite3': /^(deps|src|binding\.gyp|build\/(?!Release\/better_sqlite3\.node$))/ };

/** @param {string} root of the checkout @returns {Part[]} the command's package first */
export function runtimeParts(root) {
  const parts = new Map();
  const add = (from, to) => {
    if (parts.has(to)) return;
    const manifest = JSON.parse(readFileSync(path.join(from, 'package.json'), 'utf8'));
    parts.set(to, { from, to, manifest });
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      if (NEVER_LOADED.test(name)) continue;
      const found = find(name, from, root);
      if (found) add(...found);
      else if (manifest.optionalDependencies?.[name] === undefined) throw new Error(`${manifest.name} lacks ${name}`);
    }
  };
  add(path.join(root, 'packages/cli'), 'node_modules/@shoal/cli');
  return [...parts.values()];
}

/** The nearest node_modules upwards that has it, and the same place in the copy; a workspace is a link there. */
function find(name, from, root) {
  for (let folder = from; folder.startsWith(root); folder = path.dirname(folder)) {
    const place = path.join(folder, 'node_modules', name);
    if (!existsSync(path.join(place, 'package.json'))) continue;
    return [realpathSync(place), targetOf(path.relative(root, place))];
  }
  return undefined;
}

/** `packages/agent/node_modules/x` lies in `node_modules/@shoal/agent/node_modules/x`. */
function targetOf(place) {
  return place.replaceAll('\\', '/').replace(/^packages\//, 'node_modules/@shoal/');
}

/**
 * Files of a part that are needed at run time, licenses included.
 * @param {Part} part @returns {string[]} relative, with forward slashes, sorted
 */
export function runtimeFiles({ from, manifest }) {
  const isOurs = manifest.name.startsWith('@shoal/');
  return readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(from, path.join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => {
      const [top = ''] = file.split('/');
      if (isOurs) return file === 'package.json' || (/^(bin|dist|public)$/.test(top) && !WRITING.test(file));
      if (/^(licen[cs]e|notice|copying)/i.test(file)) return true;
      return !TOP_FOLDERS.test(top) && !WRITING.test(file) && !NATIVE[manifest.name]?.test(file);
    })
    .sort();
}
