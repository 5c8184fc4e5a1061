/**
 * Puts together what Harbor and registries may order: preheats and pushes, from their tables to their desks.
 */
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { OpenSource } from '../resolve/resolve-images.ts';
import type { AgentRoster } from '../session/agent-roster.ts';
import type { Presence } from '../session/presence.ts';
import type { Database } from '../store/database.ts';
import { createPreheatStore } from '../store/preheat-store.ts';
import { createPushStore } from '../store/push-store.ts';
import type { Swarms } from '../swarms/swarms.ts';
import { createFleet } from './fleet.ts';
import type { HookRouteDeps } from './hook-routes.ts';
import type { HarborOptions } from './options.ts';
import { createPreheatDesk } from './preheat-desk.ts';
import type { PreheatRouteDeps } from './preheat-routes.ts';
import { createPushDesk } from './push-desk.ts';

export interface Harbor extends Pick<HookRouteDeps, 'hooks' | 'pushes'>, Pick<PreheatRouteDeps, 'preheat'> {
  /** Goes on with what an earlier run has left. */
  resume(): void;
  stop(): void;
}

export interface HarborDeps {
  db: Database;
  jobs: Jobs;
  roster: AgentRoster;
  presence: Presence;
  swarms: Swarms;
  /** Sources that are kept. */
  pooled: OpenSource;
  /** Sources for one order. */
  openSource: OpenSource;
  knownDocument(digest: string): Buffer | undefined;
  clock: Clock;
  log: Logger;
}

export function createHarbor(deps: HarborDeps, options: HarborOptions | undefined): Harbor {
  if (!options) return { hooks: undefined, pushes: undefined, preheat: undefined, resume: () => {}, stop: () => {} };
  const { db, jobs, roster, presence, swarms, knownDocument, clock, log } = deps;
  const { registryOf, preheat, hooks } = options;
  const fleet = createFleet({ roster, presence, swarmOf: swarms.byDigest });
  const same = { jobs, fleet, knownDocument, readAhead: swarms.readAhead, clock, log };
  const pushes = createPushDesk({ ...same, store: createPushStore(db), openSource: deps.pooled, registryOf });
  const store = createPreheatStore(db);
  const desk = preheat && createPreheatDesk({ ...same, store, openSource: deps.openSource }, { preheat, registryOf });
  return {
    hooks,
    pushes,
    preheat: desk && preheat && { desk, pushes, door: preheat },
    resume: () => {
      desk?.resume();
      pushes.resume();
    },
    stop: pushes.stop,
  };
}
