/**
 * All that Marathon has to do with: its sites, a watcher for each, and the order by hand. Decides which site an order means.
 */
import type { Logger } from 'pino';
import type { MarathonPrewarm, MarathonRequest } from '../client/marathon-schemas.ts';
import { TrackerError } from '../errors.ts';
import { createPrewarmDesk, type OpenSite, type PrewarmDeskDeps } from './prewarm-desk.ts';
import { createSiteClient, type MarathonSite } from './site.ts';
import { createWatcher } from './watcher.ts';
import { workloadsIn } from './workloads.ts';

export interface MarathonPrewarming {
  /** Throws TrackerError, OciError, RegistryError. */
  prewarm(request: MarathonRequest): Promise<MarathonPrewarm>;
  /** Follows the events of every site until `stop`. */
  start(): void;
  stop(): Promise<void>;
}

export interface MarathonPrewarmingDeps extends PrewarmDeskDeps {
  sites: readonly MarathonSite[];
  random: () => number;
  log: Logger;
}

export function createMarathonPrewarming(deps: MarathonPrewarmingDeps): MarathonPrewarming {
  const desk = createPrewarmDesk(deps);
  const open = deps.sites.map((site) => ({ site, client: createSiteClient(site) }));
  const watchers = open.map((one) => createWatcher({ ...deps, desk, open: one }));
  return {
    prewarm: async ({ app, marathon, ...terms }) => desk.prewarm(workloadsIn(app), siteOf(open, marathon), terms),
    start: () => {
      for (const watcher of watchers) watcher.start();
    },
    stop: async () => {
      await Promise.all([...watchers.map((watcher) => watcher.stop()), ...open.map(({ client }) => client.close())]);
    },
  };
}

function siteOf(open: readonly OpenSite[], url: string | undefined): OpenSite | undefined {
  const plain = (text: string) => text.replace(/\/+$/, '').toLowerCase();
  const known = open.map(({ site }) => site.url).join(', ');
  if (url === undefined) {
    if (open.length > 1) throw new TrackerError('UNKNOWN_MARATHON', `say which one is meant: ${known}`);
    return open[0];
  }
  const found = open.find(({ site }) => plain(site.url) === plain(url));
  if (found) return found;
  throw new TrackerError('UNKNOWN_MARATHON', `${url}; ${known === '' ? 'it has none' : `it has ${known}`}`);
}
