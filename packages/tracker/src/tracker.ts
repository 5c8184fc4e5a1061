/**
 * Puts the tracker together and takes it apart again: store, swarms, jobs, sessions, HTTP.
 * Decides only whether the options allow a start.
 */
import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import type { StatusView, TokenRole } from './client/api-schemas.ts';
import { type Clock, systemClock } from './clock.ts';
import { sessionError, TrackerError } from './errors.ts';
import { createFleetDesk, type FleetDesk } from './fleet/fleet-desk.ts';
import { createForeignPeers, type ForeignPeers } from './foreign/foreign-peers.ts';
import { createHarbor, type Harbor } from './harbor/harbor.ts';
import type { HarborOptions } from './harbor/options.ts';
import { keepHistory } from './history.ts';
import { createApp } from './http/app.ts';
import { type CoverageDesk, createCoverageDesk } from './images/coverage.ts';
import { createAllowed } from './jobs/allowed.ts';
import { deadlineWarning } from './jobs/deadline.ts';
import { createJobs, type Jobs } from './jobs/jobs.ts';
import { createMarathonPrewarming, type MarathonPrewarming } from './marathon/prewarming.ts';
import type { MarathonSite } from './marathon/site.ts';
import type { TrackerFigures } from './metrics.ts';
import { createPolicies, type Policies } from './policy/policies.ts';
import { createShareDesk, type ShareDesk } from './policy/share-desk.ts';
import type { OpenSource } from './resolve/resolve-images.ts';
import { createSourcePool } from './resolve/source-pool.ts';
import { type AgentRoster, createAgentRoster } from './session/agent-roster.ts';
import { createMovedBytes, type MovedBytes } from './session/moved-bytes.ts';
import { createPresence, type Presence } from './session/presence.ts';
import { createSessionHandler } from './session/session-handler.ts';
import type { OidcOptions } from './sign-in/options.ts';
import { createAgentStore } from './store/agent-store.ts';
import { createBlobStore } from './store/blob-store.ts';
import { type Database, openDatabase } from './store/database.ts';
import { createHostImageStore } from './store/host-image-store.ts';
import { createJobStore } from './store/job-store.ts';
import { createPasskeyStore } from './store/passkey-store.ts';
import { createPolicyStore } from './store/policy-store.ts';
import { createRetention } from './store/retention.ts';
import { loadSecrets, type TrackerSecrets } from './store/settings-store.ts';
import { createShareStore } from './store/share-store.ts';
import { createTokenStore } from './store/token-store.ts';
import { createTorrentStore } from './store/torrent-store.ts';
import { createPulls, type OpenUpstream, type Pulls } from './swarms/pulls.ts';
import { createSwarms, type Swarms } from './swarms/swarms.ts';
import { zonesBy } from './swarms/zones.ts';

export interface TrackerOptions {
  dataDir: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** PEM. */
  tls?: { cert: string; key: string };
  /** Plain HTTP: tokens and images' names travel in the clear. Exactly one of this and `tls`. */
  insecure?: boolean;
  openSource: OpenSource;
  /** The registries that clients of agents pull from, as those reach them. Default: none, nobody joins a swarm by a pull. */
  openUpstream?: OpenUpstream;
  /** Lets foreign BitTorrent clients in, each by a passkey. Default: false. */
  foreignPeers?: boolean;
  /** Where such clients reach the tracker, for announce URLs. Default: as the operator reached it for the .torrent. */
  publicUrl?: string;
  /** What Harbor and registries may order. Default: nothing. */
  harbor?: HarborOptions;
  /** The label that names an agent's zone: a group of hosts behind one uplink. Default: zone. */
  zoneLabel?: string;
  /** Deployments of these are pre-warmed. */
  marathon?: readonly MarathonSite[];
  /** Folders of the page that is served at `/`, see `@shoal/dashboard`. Default: none. */
  dashboard?: readonly URL[];
  /** How long ended jobs, and piece hashes that nobody wants, are kept. Default: 90 days. */
  historyMs?: number;
  /** Lets people sign in at their identity provider; needs `publicUrl`. Default: tokens only. */
  oidc?: OidcOptions;
  logger: Logger;
  version: string;
  clock?: Clock;
  random?: () => number;
}

export interface Tracker {
  url: string;
  port: number;
  stop(): Promise<void>;
  /** Returns the token; it cannot be had again. */
  createToken(role: TokenRole, name: string): string;
}

const HISTORY_MS = 90 * 24 * 3_600_000;

/** Throws TrackerError BAD_OPTIONS, NEWER_DATABASE. */
export async function createTracker(options: TrackerOptions): Promise<Tracker> {
  checkDoors(options);
  checkPublicUrl(options.publicUrl);
  const db = openDatabase(options.dataDir);
  try {
    return await start(db, options);
  } catch (error) {
    db.close();
    throw error;
  }
}

function checkDoors({ tls, insecure, logger }: TrackerOptions): void {
  if ((tls !== undefined) === (insecure === true)) {
    throw new TrackerError(
      'BAD_OPTIONS',
      'give either tls (certificate and key) or insecure: true, not both, not none',
    );
  }
  if (insecure) logger.warn('insecure: the tracker speaks plain HTTP; tokens travel in the clear');
}

function checkPublicUrl(publicUrl: string | undefined): void {
  if (publicUrl === undefined) return;
  const url = URL.canParse(publicUrl) ? new URL(publicUrl) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return;
  throw new TrackerError('BAD_OPTIONS', 'publicUrl is not like https://tracker.example:7600');
}

async function start(db: Database, options: TrackerOptions): Promise<Tracker> {
  const { logger: log, clock = systemClock, version } = options;
  const tokens = createTokenStore(db);
  const sources = createSourcePool(options.openSource);
  const pulls = createPulls(options.openUpstream ?? (() => undefined));
  const core = createCore(db, options, { openSource: sources.open, pulls });
  const { presence, roster, swarms, jobs, coverage, foreign, policies, shares, marathon, harbor, fleet } = core;
  const handler = createSessionHandler({ ...core, clock, version, log });
  const stopHistory = keepHistory({
    ...{ retention: createRetention(db), keepMs: options.historyMs ?? HISTORY_MS, clock, log },
    isRunning: (digest) => swarms.byDigest(digest) !== undefined,
  });
  const startedAt = new Date(clock.now()).toISOString();
  const status = () => ({ version, startedAt, ...figures(core) });
  const metricFigures = () => metricsOf(core);
  const publicUrl = options.publicUrl?.replace(/\/+$/, '');
  const parts = { presence, roster, jobs, coverage, foreign, policies, shares, marathon, fleet };
  const { hooks, pushes, preheat } = harbor;
  const { oidc } = options;
  const deps = {
    ...{ handler, tokens, ...parts, hooks, pushes, preheat, publicUrl, oidc },
    ...{ clock, log, version, status, figures: metricFigures },
  };
  const app = await createApp(deps, options);

  const stop = async () => {
    swarms.stop(); // first: seeders must not be named in place of those whose sessions end now
    for (const session of presence.all()) session.refuse(sessionError('STOPPING'));
    fleet.stop();
    stopHistory();
    await app.close();
    harbor.stop();
    await marathon.stop();
    foreign?.stop();
    jobs.stop();
    await Promise.all([sources.close(), pulls.close()]);
    db.close();
  };
  try {
    await app.listen({ host: options.host, port: options.port });
    harbor.resume();
  } catch (error) {
    stopHistory();
    harbor.stop();
    swarms.stop();
    foreign?.stop();
    jobs.stop();
    await marathon.stop();
    throw error;
  }
  const { port } = app.server.address() as { port: number };
  const url = `${options.tls ? 'https' : 'http'}://${hostInUrl(options.host)}:${port}`;
  marathon.start();
  log.info({ url }, 'tracker started');
  return { url, port, stop, createToken: (role, name) => tokens.create({ role, name }, clock.now()).token };
}

interface Core {
  secrets: TrackerSecrets;
  presence: Presence;
  roster: AgentRoster;
  swarms: Swarms;
  jobs: Jobs;
  coverage: CoverageDesk;
  foreign: ForeignPeers | undefined;
  policies: Policies;
  shares: ShareDesk;
  moved: MovedBytes;
  harbor: Harbor;
  marathon: MarathonPrewarming;
  fleet: FleetDesk;
}

function createCore(
  db: Database,
  options: TrackerOptions,
  { openSource, pulls }: { openSource: OpenSource; pulls: Pulls },
): Core {
  const { logger: log, clock = systemClock, random = secureRandom, zoneLabel = 'zone' } = options;
  const secrets = loadSecrets(db);
  const presence = createPresence();
  const roster = createAgentRoster({ store: createAgentStore(db), presence, clock, log });
  const store = createJobStore(db);
  // Jobs and swarms know each other: rights one way, warnings the other.
  let swarms: Swarms | undefined;
  const warningOf = (digest: string) => swarms?.warningOf(digest);
  const hostImages = createHostImageStore(db);
  const deadlines = { presence, hostImages, document: store.document, zoneOf: zonesBy(zoneLabel) };
  const fleet = createFleetDesk({ roster, jobs: () => jobs, zoneOf: zonesBy(zoneLabel), clock });
  const jobs: Jobs = createJobs({
    ...{ store, hostImages, presence, roster, openSource, clock, log, warningOf, jobMoved: fleet.jobMoved },
    allowedOf: createAllowed({ presence, clock, policy: () => policies.inForce }),
    forecastOf: (job, hosts) => deadlineWarning({ ...deadlines, policy: () => policies.inForce }, job, hosts),
  });
  const blobs = createBlobStore(db, clock.now);
  const foreign = options.foreignPeers
    ? createForeignPeers({
        ...{ presence, blobs, clock, random, log, swarmSecret: secrets.swarmSecret },
        ...{ torrentStore: createTorrentStore(db), passkeyStore: createPasskeyStore(db) },
        swarmOf: (digest) => swarms?.byDigest(digest),
      })
    : undefined;
  const watcher = foreign?.watcher;
  swarms = createSwarms({ presence, blobs, secrets, jobs, pulls, clock, random, log, zoneLabel, watcher });
  const onChange = () => shares.policyChanged();
  const policies: Policies = createPolicies({ store: createPolicyStore(db), presence, clock, onChange });
  const shares: ShareDesk = createShareDesk({
    ...{ store: createShareStore(db), zoneOf: zonesBy(zoneLabel), clock, log },
    policy: () => policies.inForce,
  });
  const harbor = createHarbor(
    {
      ...{ db, jobs, roster, presence, swarms, clock, log, knownDocument: store.document },
      ...{ pooled: openSource, openSource: options.openSource },
    },
    options.harbor,
  );
  const marathon = createMarathonPrewarming({
    ...{ sites: options.marathon ?? [], presence, roster, clock, random, log },
    createJob: (request) => jobs.create(request),
  });
  const coverage = createCoverageDesk({
    ...{ roster, hostImages, openJobs: jobs.bringing },
    sources: { openSource, knownDocument: store.document },
  });
  return {
    ...{ secrets, presence, roster, swarms, jobs, coverage, foreign, policies, shares },
    ...{ marathon, harbor, fleet, moved: createMovedBytes() },
  };
}

function figures({ presence, roster, swarms, jobs }: Core): Omit<StatusView, 'version' | 'startedAt'> {
  const known = roster.all();
  const count = (role: 'agent' | 'seeder') => ({
    known: known.filter((agent) => agent.role === role).length,
    online: presence.withRole(role).length,
  });
  return {
    agents: count('agent'),
    seeders: count('seeder'),
    swarms: swarms.count(),
    runningJobs: jobs.countRunning(),
  };
}

function metricsOf(core: Core): TrackerFigures {
  const { agents, seeders, swarms } = figures(core);
  return {
    ...core.jobs.figures(),
    ...{ agents: { agent: agents, seeder: seeders }, swarms, swarmMembers: core.swarms.countMembers() },
    ...{ policyVersion: core.policies.versionInForce, moved: core.moved.sums },
  };
}

/** In [0, 1): neighbours and seeders are not for an outsider to foretell. */
function secureRandom(): number {
  return randomInt(2 ** 47) / 2 ** 47;
}

function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
