/**
 * A machine of a test's own that boots: Debian's systemd as PID 1, over a copy of this machine's system.
 *
 * /usr, /etc and /var are this machine's, below an overlay: what is written there stays in a folder of the test. Of
 * services only those run that systemd itself starts, until the test enables one. Its network is a loopback. Needs root
 * and cgroups, v1 or v2; leaves no process, mount, cgroup or file behind.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './cleanup.ts';
import { run, type Service, startService } from './process.ts';
import type { CommandResult } from './shoal.ts';
import { waitFor } from './wait.ts';

export interface Machine {
  /** Runs a program in it, as root and outside of all units, and returns its stdout; rejects when it fails. */
  run(command: string, ...args: string[]): Promise<string>;
  /** The same whatever its exit code. */
  attempt(command: string, ...args: string[]): Promise<CommandResult>;
  /** Runs lines of a shell, whatever their exit code. */
  sh(script: string, options?: ShellOptions): Promise<CommandResult>;
  /** The same for lines that stay; `exec` before a program lets it hear of its stop. */
  start(script: string, options?: ShellOptions): Service;
  read(path: string): Promise<string>;
  /** Makes the folder, too. */
  write(path: string, text: string, mode?: number): Promise<void>;
  /** A folder of its /srv as seen from here, for what is to be brought in. */
  srv: string;
  /** Stops all that runs, in order, and boots again over the same disk. */
  reboot(): Promise<void>;
}

export interface ShellOptions {
  env?: Record<string, string>;
  /** Default: `/root`. */
  cwd?: string;
}

export interface MachineOptions {
  /** By a path there, a folder of this machine; what is written there stays there. */
  folders?: Record<string, string>;
}

export const MACHINE_TOOLS = ['root', 'systemctl', 'unshare', 'nsenter', 'pivot_root', 'mount', 'setpriv'];

const SCRIPT = fileURLToPath(new URL('machine.sh', import.meta.url));
const BOOT_MS = 60_000;
const STOP_MS = 60_000;
const MAX_OUTPUT_BYTES = 64 << 20;
let count = 0;

/** Stays until the end of the file, or of the test that called. */
export async function bootMachine({ folders = {} }: MachineOptions = {}): Promise<Machine> {
  const folder = await tempDir('machine');
  const lines = Object.entries(folders).map(([place, lower]) => `${place}\t${lower}\n`);
  await writeFile(join(folder, 'folders'), lines.join(''));
  const name = `shoal-${process.pid}-${count++}`;
  const holder = startService('unshare', ['--mount', '--propagation', 'private', 'sh', SCRIPT, 'hold', folder, name]);
  let systemd = await booted(holder);
  const inside = (command: string, args: string[], { env = {}, cwd = '/root' }: ShellOptions = {}) => {
    const own = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin', LANG: 'C.UTF-8', HOME: '/root', ...env };
    const words = Object.entries(own).map(([key, value]) => `${key}=${value}`);
    // nsenter waits outside; what it started ends with it.
    const tied = ['setpriv', '--pdeathsig', 'TERM', '--', 'env', '--ignore-environment', `--chdir=${cwd}`];
    return ['--target', String(systemd), '--all', '--', ...tied, ...words, command, ...args];
  };
  const machine: Machine = {
    run: (command, ...args) => run('nsenter', inside(command, args)),
    attempt: (command, ...args) => tried('nsenter', inside(command, args)),
    sh: (script, options) => tried('nsenter', inside('bash', ['-c', script], options)),
    start: (script, options) => startService('nsenter', inside('bash', ['-c', script], options)),
    // Through its own view, as what lies below an overlay must not be written beside it.
    read: (path) => readFile(`/proc/${systemd}/root${path}`, 'utf8'),
    async write(path, text, mode = 0o644) {
      const place = `/proc/${systemd}/root${path}`;
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, text, { mode });
    },
    srv: join(folder, 'root/srv'),
    async reboot() {
      await machine.run('systemctl', 'reboot').catch(() => {}); // may be gone before it answers
      await waitFor('the machine to stop', () => !existsSync(`/proc/${systemd}`), STOP_MS);
      systemd = await booted(holder);
    },
  };
  return machine;
}

/** The process id here of its systemd, which has started all that is to run. */
async function booted(holder: Service): Promise<number> {
  const pid = await waitFor('systemd', () => {
    if (!existsSync(`/proc/${holder.pid}`)) throw new Error(`no machine boots: ${holder.output.join('\n')}`);
    return childNamed(childNamed(holder.pid, 'unshare'), 'systemd');
  });
  const enter = ['--target', String(pid), '--all', '--', 'systemctl', 'is-system-running', '--wait'];
  // Until its bus is there it answers with an error. A unit of this machine's own that fails in there is no matter.
  await waitFor('the machine', async () => /^(running|degraded)/.test((await tried('nsenter', enter)).stdout), BOOT_MS);
  return pid;
}

function childNamed(pid: number | undefined, name: string): number | undefined {
  if (pid === undefined) return undefined;
  return readText(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .map(Number)
    .find((child) => readText(`/proc/${child}/comm`) === `${name}\n`);
}

/** Nothing where there is none, or none any more. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function tried(command: string, args: string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
    });
  });
}
