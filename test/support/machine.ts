/**
 * A machine to throw away, with systemd, on this one: its files are an overlay that nobody else sees, its network,
 * ports, names and processes are its own. What commands do there is gone with it. Needs root; reaches no network.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanUpAfter, tempDir } from './cleanup.ts';
import { run, type Service, startService } from './process.ts';
import type { CommandResult } from './shoal.ts';
import { waitFor } from './wait.ts';

export interface Machine {
  /** Runs lines of a shell as root, to their end. */
  sh(script: string, options?: ShellOptions): Promise<CommandResult>;
  /** The same for lines that stay; `exec` before a program lets it hear of its stop. */
  start(script: string, options?: ShellOptions): Service;
  /** A path of it as we see it. */
  at(path: string): string;
  read(path: string): Promise<string>;
  write(path: string, text: string, mode?: number): Promise<void>;
}

export interface ShellOptions {
  env?: Record<string, string>;
  /** Default: `/root`. */
  cwd?: string;
}

export interface MachineOptions {
  name: string;
  /** Names that lead to itself. */
  names: string[];
  /** Files and folders of this machine that it sees: by its path, ours. */
  mounts?: Record<string, string>;
}

/** The clone, which may be on another file system than the root. */
export const CLONE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const PATH_OF_MACHINE = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

const MAX_OUTPUT_BYTES = 64 << 20;

/**
 * In namespaces of its own already, but for cgroups. /proc/sys and /sys are not its own: they are read only, so that
 * nothing there is set by what starts. Engines cannot work on an overlay: their data is in memory.
 */
const SETUP = `set -e
name=$1 cgroup=$2 base=$3 clone=$4
mount -t tmpfs tmpfs "$base" && cd "$base"
mkdir up work root clone clone.work cgroup && new=$base/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/up,workdir=$base/work" "$new"
mkdir -p "$new$clone"
mount -t overlay overlay -o "lowerdir=$clone,upperdir=$base/clone,workdir=$base/clone.work" "$new$clone"
mount -t tmpfs -o mode=755 tmpfs "$new/dev" && mkdir "$new/dev/pts" "$new/dev/shm"
for one in null zero full random urandom tty; do touch "$new/dev/$one" && mount --bind "/dev/$one" "$new/dev/$one"; done
ln -s /proc/self/fd "$new/dev/fd" && ln -s pts/ptmx "$new/dev/ptmx"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$new/dev/pts"
for one in dev/shm tmp run; do mount -t tmpfs tmpfs "$new/$one"; done
for one in docker containerd; do mkdir -p "$new/var/lib/$one" && mount -t tmpfs tmpfs "$new/var/lib/$one"; done
mount -t proc proc "$new/proc" && mount --bind "$new/proc/sys" "$new/proc/sys"
mount -o remount,bind,ro "$new/proc/sys"
mount -t sysfs -o ro sysfs "$new/sys"
mount -t tmpfs tmpfs "$new/sys/fs/cgroup"
mount -t cgroup2 cgroup2 cgroup && mkdir "cgroup/$cgroup" && echo 0 > "cgroup/$cgroup/cgroup.procs"
shift 4
while [ $# -gt 0 ]; do
  mkdir -p "$(dirname "$new$1")"
  if [ -d "$2" ]; then mkdir -p "$new$1"; else touch "$new$1"; fi
  mount --bind "$2" "$new$1" && shift 2
done
ip link set lo up && echo "$name" > "$new/etc/hostname"
exec unshare --cgroup sh -c 'mount -t cgroup2 cgroup2 "$0/sys/fs/cgroup" && echo made &&
  exec env -i container=shoal-test PATH="$PATH" chroot "$0" /lib/systemd/systemd --unit=basic.target' "$new"`;

export async function startMachine({ name, names, mounts = {} }: MachineOptions): Promise<Machine> {
  const base = await tempDir('machine');
  const cgroup = base.split('/').at(-1) ?? name;
  cleanUpAfter(() => removeCgroup(base, cgroup));
  const spaces = ['--mount', '--net', '--pid', '--uts', '--ipc', '--fork', '--kill-child', '--propagation', 'private'];
  const inside = ['sh', '-c', SETUP, 'sh', name, cgroup, base, CLONE, ...Object.entries(mounts).flat()];
  // unshare is deaf to SIGTERM while its child runs.
  const holder = startService('setpriv', ['--pdeathsig', 'KILL', '--', 'unshare', ...spaces, ...inside]);
  cleanUpAfter(holder.kill);
  await holder.line(/^made$/);
  const [init = ''] = (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')).split(' ');
  const machine = machineOf(init);
  await waitFor(
    'systemd to be up',
    async () => (await machine.sh('systemctl is-system-running')).stdout.match(/running|degraded/) !== null,
  );
  await machine.write('/etc/hosts', `127.0.0.1 localhost ${name} ${names.join(' ')}\n`);
  return machine;
}

function machineOf(init: string): Machine {
  const at = (path: string) => `/proc/${init}/root${path}`;
  const spaces = ['--target', init, '--mount', '--net', '--pid', '--uts', '--ipc', '--cgroup', '--root'];
  const inside = (script: string, { env = {}, cwd = '/root' }: ShellOptions = {}) => {
    const own = { PATH: PATH_OF_MACHINE, HOME: '/root', LANG: 'C.UTF-8', ...env };
    const vars = Object.entries(own).map(([key, value]) => `${key}=${value}`);
    // nsenter waits outside; what it started ends with it.
    const tied = ['setpriv', '--pdeathsig', 'TERM', '--', 'env', '-i', `--chdir=${cwd}`, ...vars];
    return [...spaces, '--', ...tied, 'bash', '-c', script];
  };
  return {
    at,
    start: (script, options) => startService('nsenter', inside(script, options)),
    sh: (script, options) =>
      new Promise((resolve) => {
        execFile('nsenter', inside(script, options), { maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
        });
      }),
    read: (path) => readFile(at(path), 'utf8'),
    async write(path, text, mode = 0o644) {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), text, { mode });
    },
  };
}

/** Its processes are killed already; the kernel takes a moment to let go of them. */
async function removeCgroup(folder: string, name: string): Promise<void> {
  const script =
    'mount -t cgroup2 cgroup2 "$0" && { [ ! -d "$0/$1" ] || find "$0/$1" -depth -type d -exec rmdir {} +; }';
  const remove = ['--mount', '--propagation', 'private', 'sh', '-c', script, folder, name];
  await waitFor(`cgroup ${name} to be empty`, async () =>
    run('unshare', remove).then(
      () => true,
      () => false,
    ),
  );
}
