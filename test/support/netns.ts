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
  /** Starts a program over there. */
  start(command: string, args: string[]): Service;
}

let count = 0;

export async function startOtherHost(): Promise<OtherHost> {
  const id = `shoal${process.pid}x${count++}`;
  // At most 15 characters for an interface.
  const [near, far] = [`sh${process.pid}n${count}`, `sh${process.pid}f${count}`];
  const subnet = `10.${77 + (process.pid % 100)}.${count}`;
  const [ours, theirs] = [`${subnet}.1`, `${subnet}.2`];
  await run('ip', ['netns', 'add', id]);
  cleanUpAfter(() => run('ip', ['netns', 'delete', id]).then(() => {}));
  await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', id]);
  await run('ip', ['addr', 'add', `${ours}/24`, 'dev', near]);
  await run('ip', ['link', 'set', near, 'up']);
  await run('ip', ['-n', id, 'addr', 'add', `${theirs}/24`, 'dev', far]);
  await run('ip', ['-n', id, 'link', 'set', far, 'up']);
  await run('ip', ['-n', id, 'link', 'set', 'lo', 'up']);
  return { ours, theirs, start: (command, args) => startService('ip', ['netns', 'exec', id, command, ...args]) };
}
