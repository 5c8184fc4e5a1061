/**
 * podman with images of a test's own. Needs root. It has no daemon; what it leaves is files in a temporary folder.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from './cleanup.ts';
import { run } from './process.ts';

export interface PodmanOptions {
  env?: NodeJS.ProcessEnv;
  /** Folders it sees in place of others: by the place, where they really are. */
  folders?: Record<string, string>;
}

/** Runs `podman …` and returns its stdout. */
export type Podman = (args: string[]) => Promise<string>;

export async function startPodman({ env = {}, folders = {} }: PodmanOptions = {}): Promise<Podman> {
  const folder = await tempDir('podman');
  const accounts = join(folder, 'auth.json');
  await writeFile(accounts, '{}');
  const storage = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
  const mounts = Object.entries(folders).map(([place, real]) => `mount --bind '${real}' '${place}' && `);
  const script = `${mounts.join('')}exec "$@"`;
  const inside = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'];
  return (args) =>
    run('unshare', [...inside, 'podman', ...storage, '--tmpdir', join(folder, 'tmp'), ...args], {
      env: { ...process.env, REGISTRY_AUTH_FILE: accounts, ...env },
    });
}
