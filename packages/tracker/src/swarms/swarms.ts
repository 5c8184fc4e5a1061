/**
 * The tracker's side of all swarms: what agents say about blobs, turned into membership, hashes and seeding.
 * Decides what a message changes. Rights come from the jobs.
 */
import type { Logger } from 'pino';
import { type AgentMessageOf, HASH_BYTES } from '../client/session-messages.ts';
import type { SessionError } from '../client/shapes.ts';
import type { Clock } from '../clock.ts';
import { sessionError, TrackerError } from '../errors.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { TrackerSecrets } from '../store/settings-store.ts';
import { type AheadBlob, type AheadDesk, createAhead } from './ahead.ts';
import { type CachedClaims, createCachedClaims } from './cached-claims.ts';
import { createHashFanout, type HashFanout } from './hash-fanout.ts';
import { createLeaseDesk } from './lease-desk.ts';
import { createMembership, type Membership } from './membership.ts';
import type { Pulls } from './pulls.ts';
import type { BlobRight, JobsForSwarms } from './rights.ts';
import { createSeeding, type SeedingDesk } from './seeding.ts';
import { addHashes, allHashesKnown, countOrigin, isSeeding, isServed, type Swarm } from './swarm.ts';
import { createSwarmTable, type SwarmTable } from './swarm-table.ts';
import { createTicketOffice, isTicketDue, startTicketRenewal } from './tickets.ts';
import type { SwarmWatcher } from './watcher.ts';
import { zonesBy } from './zones.ts';

export interface SwarmsDeps {
  presence: Presence;
  blobs: BlobStore;
  secrets: TrackerSecrets;
  jobs: JobsForSwarms;
  pulls: Pulls;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** The label that names an agent's zone. */
  zoneLabel: string;
  watcher?: SwarmWatcher;
}

export interface Swarms {
  opened(session: AgentSession): void;
  closed(session: AgentSession): void;
  cached(session: AgentSession, message: AgentMessageOf<'cached'>): void;
  join(session: AgentSession, message: AgentMessageOf<'join'>): void;
  leave(session: AgentSession, swarmId: string): void;
  have(session: AgentSession, message: AgentMessageOf<'have'>): void;
  /** Throws TrackerError FORBIDDEN_ROLE or BAD_MESSAGE: the session ends. */
  publish(session: AgentSession, message: AgentMessageOf<'publish'>): void;
  /** Throws TrackerError BAD_MESSAGE: the session ends. */
  lease(session: AgentSession, message: AgentMessageOf<'lease'>): void;
  replace(session: AgentSession, message: AgentMessageOf<'replace'>): void;
  /** Throws TrackerError FORBIDDEN_ROLE: the session ends. */
  seedFailed(session: AgentSession, message: AgentMessageOf<'seedFailed'>): void;
  /** Has a seeder read and hash a blob that no host asks for yet. Resolves when it is held, rejects when it is given up. */
  readAhead(blob: AheadBlob): Promise<void>;
  /** Why a blob does not come, if it does not. */
  warningOf(digest: string): string | undefined;
  byDigest(digest: string): Swarm | undefined;
  count(): number;
  /** Of all swarms together. */
  countMembers(): number;
  stop(): void;
}

interface Parts {
  deps: SwarmsDeps;
  table: SwarmTable;
  membership: Membership;
  fanout: HashFanout;
  claims: CachedClaims;
  seeding: SeedingDesk;
  ahead: AheadDesk;
}

export function createSwarms(deps: SwarmsDeps): Swarms {
  const { presence, blobs, secrets, jobs, clock, random } = deps;
  const table = createSwarmTable({ blobs, swarmSecret: secrets.swarmSecret, random });
  const tickets = createTicketOffice(secrets.privateKey, clock);
  const membership = createMembership({ presence, tickets, zoneOf: zonesBy(deps.zoneLabel) });
  const fanout = createHashFanout(presence, clock);
  const seeding = createSeeding({
    ...{ table, presence, membership, clock, random },
    mayRead: (peerId, digest) => mayRead(parts, peerId, digest),
    giveUp: (swarm, error) => giveUp(parts, swarm, error),
    onNamed: (swarm, session) => deps.watcher?.entered(swarm, session),
    onChange: (swarm) => jobs.blobChanged(swarm.digest),
  });
  const ahead = createAhead((blob) => openAhead(parts, blob));
  const parts: Parts = { deps, table, membership, fanout, claims: createCachedClaims(), seeding, ahead };
  const stopRenewal = startTicketRenewal(clock, (nowMs) => renewTickets(parts, nowMs));
  return {
    opened: (session) => {
      if (session.role === 'seeder') seeding.ensureAll();
    },
    closed: (session) => {
      parts.claims.drop(session.peerId);
      for (const swarm of table.all()) exit(parts, swarm, session.peerId);
    },
    cached: (session, message) => cached(parts, session, message),
    join: (session, message) => join(parts, session, message),
    leave: (session, swarmId) => {
      const swarm = table.byId(swarmId);
      if (swarm) exit(parts, swarm, session.peerId);
    },
    have: (session, message) => have(parts, session, message),
    publish: (session, message) => publish(parts, session, message),
    lease: createLeaseDesk({ table, clock }),
    replace: (session, { swarm: swarmId, peers }) => {
      const swarm = table.byId(swarmId);
      if (swarm?.members.has(session.peerId)) membership.replace(swarm, session.peerId, peers);
    },
    seedFailed: (session, { swarm: swarmId, error }) => {
      const swarm = seederSwarm(parts, session, swarmId);
      if (swarm) seeding.failed(swarm, session.peerId, error);
    },
    readAhead: ahead.read,
    warningOf: (digest) => {
      const swarm = table.byDigest(digest);
      return swarm && seeding.warningOf(swarm);
    },
    byDigest: table.byDigest,
    count: () => table.all().length,
    countMembers: () => table.all().reduce((sum, { members }) => sum + members.size, 0),
    stop: () => {
      ahead.stop();
      stopRenewal();
      for (const swarm of table.all()) drop(parts, swarm);
    },
  };
}

function cached(parts: Parts, session: AgentSession, message: AgentMessageOf<'cached'>): void {
  for (const { digest, ...claim } of message.blobs) {
    const size = parts.table.sizeOf(digest);
    if (size === undefined) parts.claims.put(digest, session.peerId, claim);
    else if (size === claim.size) enterHolder(parts, { swarm: open(parts, digest, size), session }, claim);
  }
}

function openAhead(parts: Parts, { source, jobId }: AheadBlob): Swarm {
  const { digest, size } = source.descriptor;
  const swarm = open(parts, digest, size);
  swarm.isWantedAhead = true;
  if (swarm.seeding.peerId === undefined) swarm.origin = { source, jobId, class: 'prewarm' };
  parts.seeding.ensure(swarm);
  return swarm;
}

/** The agent said what it holds and asked for nothing: it may serve. */
function enterHolder(
  { deps, membership, ahead }: Parts,
  { swarm, session }: { swarm: Swarm; session: AgentSession },
  claim: { pieces: number; complete: boolean },
): void {
  const role = swarm.members.get(session.peerId)?.role ?? 'holder';
  membership.enter(swarm, session, { role, ...claim });
  session.send({ type: 'joined', request: 0, neighbours: [], ...membership.factsFor(swarm, session) });
  deps.watcher?.entered(swarm, session);
  ahead.changed(swarm);
}

function join(parts: Parts, session: AgentSession, message: AgentMessageOf<'join'>): void {
  const { request, digest, jobId = '', pull } = message;
  const { jobs, pulls, presence } = parts.deps;
  const asked = { request, digest, jobId };
  if (pull !== undefined) {
    void pulls.rightOf(pull, digest).then(
      (right) => {
        if (presence.get(session.peerId) === session) admit(parts, session, { ...asked, right, isPull: true });
      },
      (error: unknown) => refuse(parts, session, { request, error }),
    );
    return;
  }
  const right = jobs.rightOf(jobId, session.peerId, digest);
  if (right) admit(parts, session, { ...asked, right });
  else refuse(parts, session, { request, error: new TrackerError('FORBIDDEN_BLOB', digest) });
}

interface Asked {
  request: number;
  digest: string;
  jobId: string;
  right: BlobRight;
  isPull?: boolean;
}

function admit(parts: Parts, session: AgentSession, { request, digest, jobId, right, isPull = false }: Asked): void {
  const { peerId } = session;
  const swarm = openAs(parts, session, { request, digest, size: right.size });
  if (!swarm) return;
  // A job waits for a seeder, a person's pull does not.
  if (isPull && !isServed(swarm) && parts.deps.presence.withRole('seeder').length === 0) {
    if (isIdle(swarm)) drop(parts, swarm);
    return refuse(parts, session, { request, error: new TrackerError('NO_SEEDER', digest) });
  }
  if (isPull) swarm.pullers.add(peerId);
  if (swarm.seeding.peerId === undefined) swarm.origin = { source: right.source, jobId, class: right.class };
  parts.membership.enter(swarm, session, { role: isSeeding(swarm, peerId) ? 'seeder' : 'leecher' });
  session.send({
    ...{ type: 'joined', request, neighbours: parts.membership.neighboursFor(swarm, peerId) },
    ...parts.membership.factsFor(swarm, session),
  });
  parts.deps.watcher?.entered(swarm, session);
  parts.seeding.ensure(swarm);
}

function openAs(parts: Parts, session: AgentSession, asked: { request: number; digest: string; size: number }) {
  try {
    return open(parts, asked.digest, asked.size);
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    refuse(parts, session, { request: asked.request, error });
    return undefined;
  }
}

function refuse({ deps }: Parts, session: AgentSession, { request, error }: { request: number; error: unknown }): void {
  if (!(error instanceof TrackerError)) deps.log.error({ peerId: session.peerId, err: error }, 'a join failed');
  const { code, message: text, retryable } = error instanceof TrackerError ? error : new TrackerError('INTERNAL');
  session.send({ type: 'joinRefused', request, error: { code, text, retryable } });
}

function mayRead({ deps, table }: Parts, peerId: string, digest: string): boolean {
  return deps.jobs.mayRead(peerId, digest) || table.byDigest(digest)?.pullers.has(peerId) === true;
}

/** Whoever said it holds the blob before there was a swarm belongs to it from the start. */
function open(parts: Parts, digest: string, size: number): Swarm {
  const swarm = parts.table.open(digest, size);
  for (const [peerId, { size: claimedSize, ...claim }] of parts.claims.take(digest)) {
    const holder = parts.deps.presence.get(peerId);
    if (holder && claimedSize === size) enterHolder(parts, { swarm, session: holder }, claim);
  }
  return swarm;
}

function have(parts: Parts, session: AgentSession, message: AgentMessageOf<'have'>): void {
  const swarm = parts.table.byId(message.swarm);
  const member = swarm?.members.get(session.peerId);
  if (!swarm || !member) return;
  member.pieces = Math.min(message.pieces, swarm.pieceCount);
  member.complete = message.complete;
  if (member.complete && swarm.seeding.peerId === session.peerId) parts.seeding.completed(swarm);
  parts.seeding.ensure(swarm);
  parts.ahead.changed(swarm);
}

function publish(parts: Parts, session: AgentSession, message: AgentMessageOf<'publish'>): void {
  const { jobs, blobs, log } = parts.deps;
  const swarm = seederSwarm(parts, session, message.swarm);
  if (!swarm) return;
  const readBytes = countOrigin(swarm.seeding, session.peerId, message.originBytes);
  if (swarm.origin && readBytes > 0) jobs.addOrigin(swarm.origin.jobId, readBytes);
  const hashes = Buffer.from(message.hashes, 'base64');
  const outcome = addHashes(swarm, message.first, hashes);
  if (outcome === 'malformed') {
    throw new TrackerError('BAD_MESSAGE', `publish: these are not hashes of pieces of ${swarm.digest}`);
  }
  if (outcome === 'conflict') return giveUp(parts, swarm, sessionError('HASH_CONFLICT', swarm.digest));
  parts.seeding.published(swarm, session.peerId, {
    first: message.first,
    count: hashes.length / HASH_BYTES,
    isNew: outcome === 'added',
  });
  if (outcome !== 'added') return;
  if (allHashesKnown(swarm)) {
    try {
      blobs.put(swarm);
    } catch (error) {
      // The swarm has them; after a restart a seeder reads the blob again.
      log.error({ digest: swarm.digest, err: error }, 'piece hashes are not saved: free space in dataDir');
    }
  }
  parts.fanout.changed(swarm);
  parts.ahead.changed(swarm);
}

/** The swarm, if this agent is a seeder of it now. One that was replaced is heard no more. */
function seederSwarm(parts: Parts, session: AgentSession, swarmId: string): Swarm | undefined {
  if (session.role !== 'seeder') throw new TrackerError('FORBIDDEN_ROLE');
  const swarm = parts.table.byId(swarmId);
  return swarm && isSeeding(swarm, session.peerId) ? swarm : undefined;
}

function exit(parts: Parts, swarm: Swarm, peerId: string): void {
  if (!swarm.members.has(peerId)) return;
  swarm.pullers.delete(peerId);
  parts.membership.exit(swarm, peerId);
  parts.deps.watcher?.left(swarm, peerId);
  if (isIdle(swarm)) drop(parts, swarm);
  else parts.seeding.left(swarm, peerId);
}

function giveUp(parts: Parts, swarm: Swarm, error: SessionError): void {
  const { presence, blobs, jobs } = parts.deps;
  const waiting = [...swarm.members.values()].filter(({ role, complete }) => role === 'leecher' && !complete);
  for (const peerId of swarm.members.keys()) {
    presence.get(peerId)?.send({ type: 'retract', swarm: swarm.id, digest: swarm.digest, error });
  }
  parts.ahead.dropped(swarm, error);
  drop(parts, swarm);
  // Wrong bytes are wrong for everybody, also for who is not here now or has them already.
  const isWrong = error.code === 'DIGEST_MISMATCH' || error.code === 'HASH_CONFLICT';
  if (isWrong) blobs.forget(swarm.digest);
  jobs.blobFailed(swarm.digest, error, isWrong ? undefined : waiting.map(({ peerId }) => peerId));
}

function isIdle({ members, isWantedAhead }: Swarm): boolean {
  return members.size === 0 && !isWantedAhead;
}

function drop({ deps, table, fanout, ahead }: Parts, swarm: Swarm): void {
  ahead.dropped(swarm, sessionError('STOPPING'));
  swarm.seeding.cancelRetry?.();
  fanout.drop(swarm);
  table.delete(swarm);
  deps.watcher?.dropped(swarm);
}

function renewTickets(parts: Parts, nowMs: number): void {
  const { deps, table, membership } = parts;
  for (const swarm of table.all()) {
    for (const member of swarm.members.values()) {
      const session = deps.presence.get(member.peerId);
      if (!session || !isTicketDue(member, nowMs)) continue;
      // The job is over: what the host has it may go on serving.
      if (member.role === 'leecher' && !mayRead(parts, member.peerId, swarm.digest)) member.role = 'holder';
      session.send({ type: 'ticket', swarm: swarm.id, ticket: membership.ticketFor(swarm, session, member) });
    }
  }
}
