/*
 * `npm run package`: Shoal for hosts without Node, into dist-packages/. Says what it wrote, one path a line, on stdout.
 *
 *   npm run package                      shoal-VERSION-linux-x64.tar.gz
 *   npm run package -- --deb             shoal_VERSION_amd64.deb
 *   npm run package -- --target win-x64 --node node.exe [--native better_sqlite3.node]
 *   npm run package -- --tree FOLDER     the folder alone, as the images take it
 *
 * The runtime is the Node that runs this, else what --node names. Nothing is downloaded.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeArchive } from './package/archive.mjs';
import { writeDeb } from './package/deb.mjs';
import { ownNative, writeTree } from './package/tree.mjs';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const HOST = process.platform === 'win32' ? 'win-x64' : `${process.platform}-${process.arch}`;
const TARGETS = ['linux-x64', 'win-x64'];
/** A version of dpkg, and part of a file's name. */
const VERSION = /^\d[\w.+~]*$/;

/** @param {string} what @returns {never} */
function refuse(what) {
  process.stderr.write(`shoal package: ${what}\n`);
  process.exit(2);
}

function readOptions() {
  const string = { type: 'string' };
  const options = { target: string, node: string, native: string, version: string, out: string, tree: string };
  try {
    return parseArgs({ options: { ...options, deb: { type: 'boolean', default: false } } }).values;
  } catch (error) {
    return refuse(`${error.message} The options stand at the top of scripts/package.mjs.`);
  }
}

function treeOptions({ target = HOST, node, native, version, deb }) {
  if (!TARGETS.includes(target)) refuse(`no packages for ${target}; there are ${TARGETS.join(' and ')}.`);
  const isHere = target === HOST;
  if (deb && target !== 'linux-x64') refuse('--deb is for linux-x64 only.');
  if (!isHere && node === undefined)
    refuse(`${target} on ${HOST} needs --node PATH, the runtime of that system; see docs/operations.md.`);
  for (const file of [node, native]) if (file !== undefined && !existsSync(file)) refuse(`there is no file ${file}.`);
  // Built for the Node that runs this: another one would not load it.
  const ownParts = isHere && node === undefined;
  if (ownParts && !existsSync(ownNative(ROOT))) refuse('better-sqlite3 is not built: run npm ci first.');
  const named = version ?? JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version;
  if (!VERSION.test(named)) refuse(`--version ${named}: a version begins with a digit and has letters, digits, . + ~.`);
  return {
    ...{ root: ROOT, target, version: named, node: node ?? process.execPath },
    native: native ?? (ownParts ? ownNative(ROOT) : undefined),
  };
}

function tell(file) {
  process.stderr.write(`shoal package: ${(statSync(file).size / 1e6).toFixed(1)} MB\n`);
  process.stdout.write(`${file}\n`);
}

const options = readOptions();
const about = treeOptions(options);
const { target, version } = about;
if (options.tree !== undefined) {
  const tree = path.resolve(options.tree);
  if (existsSync(tree)) refuse(`${tree} is there already: name a folder that is to be made.`);
  writeTree(tree, about);
  process.stdout.write(`${tree}\n`);
} else {
  const out = path.resolve(options.out ?? path.join(ROOT, 'dist-packages'));
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(path.join(out, '.work-'));
  try {
    const tree = path.join(work, `shoal-${version}-${target}`);
    writeTree(tree, about);
    if (about.native === undefined) process.stderr.write('shoal package: without --native this runs no tracker\n');
    const file = path.join(out, options.deb ? `shoal_${version}_amd64.deb` : `${path.basename(tree)}.tar.gz`);
    if (options.deb) writeDeb({ root: ROOT, tree, work: path.join(work, 'deb'), version, file });
    else await writeArchive(tree, file, new Date(Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000) * 1000));
    tell(file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
