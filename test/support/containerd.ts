/** A containerd of a test's own: separate data and socket, and `ctr` for it. Needs root. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from './cleanup.ts';
import { run, startService } from './process.ts';
import { findProgram } from './tools.ts';

export interface Containerd {
  /** Runs `ctr …` against it and returns its stdout. */
  ctr(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

export async function startContainerd(): Promise<Containerd> {
  const folder = await tempDir('containerd');
  const socket = join(folder, 'containerd.sock');
  const config = join(folder, 'config.toml');
  await writeFile(
    config,
    `version = 2\nroot = "${join(folder, 'root')}"\nstate = "${join(folder, 'state')}"\n[grpc]\n  address = "${socket}"\n`,
  );
  const service = startService(findProgram('containerd') ?? 'containerd', ['--config', config]);
  await service.line(/containerd successfully booted/);
  return { ctr: (...args) => run('ctr', ['--address', socket, ...args]), stop: service.stop };
}
