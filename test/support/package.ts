/** What `npm run package` makes, and what an installation leaves on a machine. */
import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './cleanup.ts';
import { run } from './process.ts';
import type { CommandResult } from './shoal.ts';
import { findProgram } from './tools.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/package.mjs', import.meta.url));
/** Where a package may put something. */
const PLACES = ['/etc', '/usr/bin', '/usr/lib', '/usr/share/doc', '/var/lib', '/var/log', '/var/mail'];
/** What other programs of this machine write there meanwhile, and useradd's copies of its own files. */
const NOT_OURS = /^\/var\/(lib\/(docker|containerd|containers|apt)|log)\/.|^\/etc\/(docker|g?shadow-|passwd-|group-)$/;

/** `scripts/package.mjs` with its result in a folder of the test's own; the path it names. */
export async function makePackage(...args: string[]): Promise<string> {
  const out = await tempDir('package');
  return (await run(process.execPath, [SCRIPT, '--out', out, ...args])).trim();
}

/** The same when it is to be refused. */
export function packageCommand(...args: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}

/** A folder for PATH that has what the command's script calls, and no node. */
export async function pathWithoutNode(): Promise<string> {
  const folder = await tempDir('path');
  for (const name of ['dirname', 'readlink']) await symlink(findProgram(name) ?? '', join(folder, name));
  return folder;
}

/** Paths, accounts and groups of a machine as they are now. */
export async function machineState(
  program: (command: string, ...args: string[]) => Promise<string>,
): Promise<string[]> {
  const files = (await program('find', ...PLACES, '-xdev')).split('\n').filter((path) => !NOT_OURS.test(path));
  const names = async (database: string) =>
    (await program('getent', database)).split('\n').map((line) => `${database} ${line}`);
  return [...files, ...(await names('passwd')), ...(await names('group'))];
}
