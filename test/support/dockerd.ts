/**
 * A Docker Engine of a test's own: separate data, sockets and containerd namespace, no network unless it gets a host.
 *
 * Needs root. Leaves no process, mount or file behind.
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanUpAfter, tempDir } from './cleanup.ts';
import { run, startService } from './process.ts';
import { findProgram } from './tools.ts';
import { waitFor } from './wait.ts';

export interface Dockerd {
  /** Path of the unix socket. */
  socket: string;
  /** `unix://…`, as DOCKER_HOST has it. */
  address: string;
  pid: number;
  /** Runs the docker CLI against this engine and returns its stdout. */
  docker(...args: string[]): Promise<string>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** SIGKILL: the engine is gone in the middle of what it does. */
  kill(): Promise<void>;
}

export interface DockerdOptions {
  /** Text of its daemon.json. */
  config?: string;
  /** Of the daemon, such as HTTPS_PROXY. */
  env?: NodeJS.ProcessEnv;
  /** PEM of the authority to trust, by registry, as in `/etc/docker/certs.d`. */
  authorities?: Record<string, string>;
  /** Names that lead to 127.0.0.1. */
  loopbackNames?: string[];
  /** With it the engine has the networks of a usual one. */
  host?: DockerHost;
}

/** What an engine and the mounts of its containers see as theirs. /var/run/docker.sock there is its own. */
export interface DockerHost {
  /** Path of the network namespace. */
  network: string;
  /** Folder that lies over /etc. */
  etc: string;
}

const KILL_WAIT_MS = 10_000;

/** Resolves when the engine answers. It picks overlay2 where that works, else vfs. */
export async function startDockerd(options: DockerdOptions = {}): Promise<Dockerd> {
  const folder = await tempDir('dockerd');
  const socket = join(folder, 'docker.sock');
  const address = `unix://${socket}`;
  await mkdir(join(folder, 'cli'));
  await writeFile(join(folder, 'daemon.json'), options.config ?? '{}');
  cleanUpAfter(() => removeLeftovers(folder));
  const command = [findProgram('dockerd') ?? 'dockerd', ...daemonArguments(folder, address, options.host)];
  const placed = options.host === undefined ? command : onHost(folder, options.host, command);
  const [program = '', ...rest] = await withOwnEtc(folder, options, placed);
  const service = startService(program, rest, { env: options.env });
  const stop = async () => {
    await service.stop();
    await removeLeftovers(folder);
  };
  await service.line(/API listen on /, 60_000);
  const env = { ...process.env, DOCKER_CONFIG: join(folder, 'cli'), DOCKER_HOST: address, DOCKER_CONTEXT: '' };
  const docker = (...args: string[]) => run('docker', ['-H', address, ...args], { env });
  return { socket, address, pid: service.pid, docker, stop, kill: service.kill };
}

/**
 * dockerd reads certificates and host names from fixed places: in a mount namespace of its own these are other files
 * than the machine's.
 */
async function withOwnEtc(
  folder: string,
  { authorities, loopbackNames }: DockerdOptions,
  command: string[],
): Promise<string[]> {
  if (authorities === undefined && loopbackNames === undefined) return command;
  const [docker, hosts] = [join(folder, 'etc-docker'), join(folder, 'hosts')];
  await mkdir('/etc/docker', { recursive: true });
  for (const [registry, pem] of Object.entries(authorities ?? {})) {
    await mkdir(join(docker, 'certs.d', registry), { recursive: true });
    await writeFile(join(docker, 'certs.d', registry, 'ca.crt'), pem);
  }
  await mkdir(docker, { recursive: true });
  const lines = (loopbackNames ?? []).map((name) => `127.0.0.1 ${name}\n`);
  await writeFile(hosts, `${await readFile('/etc/hosts', 'utf8')}\n${lines.join('')}`);
  const script = 'mount --bind "$1" /etc/docker && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', docker, hosts, ...command];
}

/** In a mount namespace of its own, which also keeps it from the containerd of this machine. */
function onHost(folder: string, { network, etc }: DockerHost, command: string[]): string[] {
  const script = [
    'mkdir "$1/etc-work" && mount -t overlay -o "lowerdir=/etc,upperdir=$2,workdir=$1/etc-work" overlay /etc',
    'mount -t tmpfs run /run && ln -s "$1/docker.sock" /run/docker.sock && shift 2 && exec "$@"',
  ];
  const enter = ['nsenter', `--net=${network}`, 'unshare', '--mount', '--propagation', 'private'];
  return [...enter, 'sh', '-c', script.join(' && '), 'sh', folder, etc, ...command];
}

function daemonArguments(folder: string, address: string, host: DockerHost | undefined): string[] {
  // A machine's own containerd may be running and is then shared by every engine: keep apart by namespace.
  const namespace = folder.split('/').at(-1) ?? 'shoal';
  return [
    ...['--config-file', join(folder, 'daemon.json'), '--host', address],
    ...['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '--pidfile', join(folder, 'pid')],
    ...['--containerd-namespace', namespace, '--containerd-plugins-namespace', `${namespace}-plugins`],
    ...['--iptables=false', '--ip6tables=false', ...(host === undefined ? ['--bridge', 'none'] : [])],
  ];
}

/** After a clean stop nothing is left but files; after a kill, containerd and mounts too. */
async function removeLeftovers(folder: string): Promise<void> {
  await endContainerd(folder);
  for (const mount of await mountsUnder(folder)) await run('umount', ['--lazy', mount]).catch(() => {});
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function endContainerd(folder: string): Promise<void> {
  const text = await readFile(join(folder, 'exec/containerd/containerd.pid'), 'utf8').catch(() => '');
  const pid = Number(text);
  const isOurs = async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(folder);
  if (!pid || !(await isOurs())) return;
  process.kill(pid, 'SIGKILL');
  await waitFor(`containerd ${pid} to end`, async () => !(await isOurs()), KILL_WAIT_MS);
}

/** Deepest first. */
async function mountsUnder(folder: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length);
}
