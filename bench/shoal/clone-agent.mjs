/*
 * Many agents that hold the same blob for the room of one: the files of an agent that has it, linked into the data
 * folders of others. Knows no name inside a data folder: whatever a fresh agent has of its own (its identity) is not
 * taken over.
 */
import { copyFileSync, linkSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { MIB } from '../harness/bytes.mjs';

/** Blobs are linked: a complete one is not written any more. What is smaller may be, and is copied. */
const LINK_FROM_BYTES = MIB;

/** Files below a folder, relative to it. @param {string} folder @returns {string[]} */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(path.join(folder, name)).isFile(),
  );
}

/** @param {{ from: string, ownFiles: ReadonlySet<string>, to: string }} clone both agents stopped */
export function cloneAgent({ from, ownFiles, to }) {
  for (const name of filesBelow(from)) {
    if (ownFiles.has(name)) continue;
    const [source, target] = [path.join(from, name), path.join(to, name)];
    mkdirSync(path.dirname(target), { recursive: true });
    if (statSync(source).size >= LINK_FROM_BYTES) linkSync(source, target);
    else copyFileSync(source, target);
  }
}
