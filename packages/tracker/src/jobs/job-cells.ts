/**
 * A job's hosts as cells: a number, a state and a percent each, and only what is new to the reader. Ten thousand hosts
 * that report every two seconds are then some tens of kilobytes a second instead of megabytes.
 */
import { HOST_STATES, type JobCells } from '../client/fleet-schemas.ts';
import type { JobHostView, JobView } from '../client/job-schemas.ts';

/** For one reader: makes what it has to be told of a change. */
export function createCells(): (change: JobView) => JobCells {
  const known = new Map<string, { number: number; cell: string }>();
  return ({ hosts, ...job }) => {
    const news: JobCells = { job, hosts: [], cells: [], errors: [] };
    for (const host of hosts) {
      const place = known.get(host.peerId) ?? { number: known.size, cell: '' };
      if (place.cell === '') {
        known.set(host.peerId, place);
        news.hosts.push({ peerId: host.peerId, name: host.name, wave: host.wave });
      }
      const cell = [HOST_STATES.indexOf(host.state), percentOf(host), host.online ? 1 : 0];
      if (place.cell === cell.join()) continue;
      place.cell = cell.join();
      news.cells.push(place.number, ...cell);
      const error = errorOf(host);
      if (host.state === 'failed' && error) news.errors.push({ host: place.number, error });
    }
    return news;
  };
}

function percentOf({ state, images }: JobHostView): number {
  if (state === 'ready') return 100;
  const wanted = images.reduce((sum, { wantedBytes }) => sum + wantedBytes, 0);
  const have = images.reduce((sum, { haveBytes }) => sum + haveBytes, 0);
  return wanted === 0 ? 0 : Math.min(100, Math.floor((have * 100) / wanted));
}

function errorOf({ error, images }: JobHostView): JobHostView['error'] {
  return error ?? images.find((image) => image.error)?.error;
}

/** Whom a host feeds, by what the others say of their sources. */
export function fedBy(name: string, hosts: Iterable<JobHostView>): { name: string; bytes: number }[] {
  const fed: { name: string; bytes: number }[] = [];
  for (const host of hosts) {
    let bytes = 0;
    for (const { feeders } of host.images) {
      for (const feeder of feeders) if (feeder.name === name) bytes += feeder.bytes;
    }
    if (bytes > 0) fed.push({ name: host.name, bytes });
  }
  return fed.sort((a, b) => b.bytes - a.bytes).slice(0, MAX_FED);
}

const MAX_FED = 20;
