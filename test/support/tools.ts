/**
 * Which programs a suite needs, and what happens when one is missing: the suite is left out with a line that says so,
 * but with `CI=true` it fails.
 */

import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

/** A program by its name, or a condition: `root`, or `static-busybox` (a busybox that runs in an empty image). */
export type Tool = 'root' | 'static-busybox' | (string & {});

/** Use it in place of `describe`: `requireTools(['dockerd', 'root'])('loading an image', () => …)`. */
export function requireTools(tools: Tool[]): typeof describe | ReturnType<typeof describe.skipIf> {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0) return describe;
  const what = missing.map((tool) => (tool === 'root' ? 'the rights of root' : tool)).join(', ');
  if (process.env.CI === 'true') throw new Error(`CI=true and missing: ${what}`);
  process.stderr.write(`left out, missing: ${what}\n`);
  return describe.skipIf(true);
}

/** The full path of a program, looked for in PATH and where Debian keeps daemons. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isThere(tool: Tool): boolean {
  if (tool === 'root') return process.getuid?.() === 0;
  if (tool === 'static-busybox') return isStatic(findProgram('busybox'));
  return findProgram(tool) !== undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// A dynamic program names its loader in a PT_INTERP segment: type 3 in the ELF64 program headers.
function isStatic(path: string | undefined): boolean {
  if (path === undefined) return false;
  const elf = readFileSync(path);
  if (elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2) return false;
  const start = Number(elf.readBigUInt64LE(32));
  const entryBytes = elf.readUInt16LE(54);
  const segments = Array.from({ length: elf.readUInt16LE(56) }, (_, index) =>
    elf.readUInt32LE(start + index * entryBytes),
  );
  return !segments.includes(3);
}
