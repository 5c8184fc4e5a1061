/**
 * A second host on this machine: a network namespace joined to ours by a veth pair. For programs
 * that refuse loopback addresses, and for limits on a link. Needs root; removed after the test.
 */
import { cleanUpAfter } from './cleanup.ts';
import { run, type Service, startService } from './process.ts';

export interface OtherHost {
  /** Our address on the link. */
  ours: string;
  /** The other host's. */
  theirs: string;
  /** A second address of ours. Whoever is dialled over there sees this one: to it, a host that it has never dialled. */
  alsoOurs: string;
  /** Path of its network namespace. */
  network: string;
  /** Starts a program over there. */
  start(command: string, args: string[]): Service;
}

const NAME = /^shoal(\d+)x\d+$/;
let count = 0;

export async function startOtherHost(): Promise<OtherHost> {
  await removeLeftOver();
  const id = `shoal${process.pid}x${count++}`;
  // At most 15 characters for an interface.
  const [near, far] = [`sh${process.pid}n${count}`, `sh${process.pid}f${count}`];
  const subnet = `10.${77 + (process.pid % 100)}.${count}`;
  const [ours, theirs, alsoOurs] = [`${subnet}.1`, `${subnet}.2`, `${subnet}.3`];
  await run('ip', ['netns', 'add', id]);
  cleanUpAfter(() => remove(id));
  await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', id]);
  await run('ip', ['addr', 'add', `${ours}/24`, 'dev', near]);
  await run('ip', ['link', 'set', near, 'up']);
  await run('ip', ['-n', id, 'addr', 'add', `${theirs}/24`, 'dev', far]);
  await run('ip', ['-n', id, 'link', 'set', far, 'up']);
  await run('ip', ['-n', id, 'link', 'set', 'lo', 'up']);
  await run('ip', ['addr', 'add', `${alsoOurs}/24`, 'dev', near]);
  await run('ip', ['route', 'replace', `${theirs}/32`, 'dev', near, 'src', alsoOurs]);
  return {
    ...{ ours, alsoOurs, theirs, network: `/run/netns/${id}` },
    start: (command, args) => startService('ip', ['netns', 'exec', id, command, ...args]),
  };
}

/** Of runs that were killed: their process is gone, the namespace and what ran in it may not be. */
async function removeLeftOver(): Promise<void> {
  const lines = (await run('ip', ['netns', 'list'])).split('\n');
  const names = lines.map((line) => line.split(' ')[0] ?? '');
  await Promise.all(names.filter((name) => isLeftOver(name)).map((name) => remove(name)));
}

function isLeftOver(name: string): boolean {
  const pid = Number(NAME.exec(name)?.[1] ?? process.pid);
  try {
    return pid !== process.pid && !process.kill(pid, 0);
  } catch {
    return true;
  }
}

/** With the programs still in it; the link goes with the namespace. */
async function remove(name: string): Promise<void> {
  const pids = (await run('ip', ['netns', 'pids', name])).split('\n').filter((pid) => pid !== '');
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
  await run('ip', ['netns', 'delete', name]);
}
