/** A job's hosts as its stream of cells numbers them. Pure. */
import type { JobCells } from '@shoal/tracker/client';
import type { Cell } from './cells.ts';
import { HOST_STATES } from './host-state.ts';

/** Takes in an event; returns the hosts that it changed, each with the state it had. */
export function applyCells(hosts: Cell[], { hosts: added, cells }: Pick<JobCells, 'hosts' | 'cells'>) {
  for (const host of added) hosts.push({ ...host, state: 'waiting', percent: 0, online: false });
  const changed: { cell: Cell; before: Cell['state'] }[] = [];
  for (let at = 0; at < cells.length; at += 4) {
    const [number = -1, state = 0, percent = 0, online] = cells.slice(at, at + 4);
    const cell = hosts[number];
    if (!cell) continue;
    changed.push({ cell, before: cell.state });
    Object.assign(cell, { state: HOST_STATES[state] ?? 'waiting', percent, online: online === 1 });
  }
  return changed;
}
