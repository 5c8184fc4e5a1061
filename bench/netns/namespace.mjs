/*
 * Network namespaces of this run: made, spoken to, and taken away again with whatever still runs in them. Their names
 * hold our pid, so that the next run finds what a killed one left behind. Nothing is made in the machine's own namespace.
 */
import { spawnSync } from 'node:child_process';
import { cleanUpAfter, refuseWhenEnding } from '../harness/cleanup.mjs';
import { BenchError } from '../harness/errors.mjs';

/**
 * @typedef {object} Namespace
 * @property {string} name
 * @property {(lines: readonly string[]) => void} ip carries out lines of ip-link(8) and its like
 * @property {(lines: readonly string[]) => void} tc
 * @property {(args: readonly string[]) => any} readTc what `tc -s -j` says
 * @property {() => Promise<void>} close
 */

const NAME = /^shoalbench(\d+)-/;

/** What this machine lacks for namespaces, in one line. @returns {string | undefined} */
export function lackForNamespaces() {
  if (process.getuid?.() !== 0)
    return 'network namespaces and limits on their links need root: run it as root (in a container, with --privileged)';
  for (const program of ['ip', 'tc'])
    if (spawnSync(program, ['-V']).status !== 0) return `'${program}' is missing: apt-get install iproute2`;
  return undefined;
}

/** @param {string} suffix unique in this process while the namespace lives @returns {Namespace} */
export function openNamespace(suffix) {
  refuseWhenEnding();
  const name = `shoalbench${process.pid}-${suffix}`;
  run('ip', ['netns', 'add', name]);
  const close = cleanUpAfter(() => remove(name));
  run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return {
    name,
    ip: (lines) => run('ip', ['-n', name, '-batch', '-'], lines),
    tc: (lines) => run('tc', ['-n', name, '-batch', '-'], lines),
    readTc: (args) => JSON.parse(run('tc', ['-n', name, '-s', '-j', ...args])),
    close,
  };
}

/** Of runs that were killed. */
export function removeLeftOverNamespaces() {
  for (const line of run('ip', ['netns', 'list']).split('\n')) {
    const [name = ''] = line.split(' ');
    const pid = Number(NAME.exec(name)?.[1] ?? process.pid);
    if (pid !== process.pid && !isAlive(pid)) remove(name);
  }
}

/** Links go with the namespace they are in. @param {string} name */
function remove(name) {
  for (const pid of run('ip', ['netns', 'pids', name]).split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
  run('ip', ['netns', 'delete', name]);
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** @param {string} command @param {readonly string[]} args @param {readonly string[]} [lines] for its stdin */
function run(command, args, lines = []) {
  const input = lines.map((line) => `${line}\n`).join('');
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', input });
  if (status !== 0) throw new BenchError(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
