/**
 * Sees to it that a blob nobody can serve gets a seeder: names one, and helpers where there are more,
 * takes their failures, tries again. Decides when a blob is given up. The choice between seeders is
 * choose-seeder.ts, who reads what stretches.ts.
 */
import type { SessionError, Stretch } from '../client/session-messages.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import { chooseHelpers, chooseSeeder } from './choose-seeder.ts';
import type { Membership } from './membership.ts';
import { createStretches } from './stretches.ts';
import { isSeeding, needsSeeder, type Swarm } from './swarm.ts';
import type { SwarmTable } from './swarm-table.ts';

const RETRY_DELAYS_MS = [2_000, 5_000, 10_000];
/** One that is read and one that comes next. */
const STRETCHES_AHEAD = 2;

const NO_SEEDER = 'no seeder online: a blob that no host holds waits until one connects';

export interface SeedingDesk {
  /** To be called after whatever may have left the swarm without one. */
  ensure(swarm: Swarm): void;
  /** A seeder came: perhaps somebody waited for it. */
  ensureAll(): void;
  /** The lead holds the whole blob. */
  completed(swarm: Swarm): void;
  /** A seeder told the hashes of these pieces; with new ones the count of failures starts again. */
  published(swarm: Swarm, peerId: string, pieces: Stretch & { isNew: boolean }): void;
  failed(swarm: Swarm, peerId: string, error: SessionError): void;
  /** A member went away. */
  left(swarm: Swarm, peerId: string): void;
  /** Why a blob does not come, if it does not. */
  warningOf(swarm: Swarm): string | undefined;
}

export interface SeedingDeps {
  table: SwarmTable;
  presence: Presence;
  membership: Membership;
  clock: Clock;
  random: () => number;
  /** Whether an open job of the host names the blob. */
  mayRead(peerId: string, digest: string): boolean;
  /** The blob is given up. */
  giveUp(swarm: Swarm, error: SessionError): void;
  /** A seeder was named and told. */
  onNamed(swarm: Swarm, session: AgentSession): void;
  /** What people see of the blob may have changed. */
  onChange(swarm: Swarm): void;
}

export function createSeeding(deps: SeedingDeps): SeedingDesk {
  const { table, presence, membership, clock, random } = deps;

  const ensure = (swarm: Swarm) => {
    if (!needsSeeder(swarm) || swarm.seeding.cancelRetry || !swarm.origin) return;
    const able = candidates(swarm);
    const failedPeerId = swarm.seeding.lastFailure?.peerId;
    const peerId = chooseSeeder(able, { random, failedPeerId });
    if (peerId !== undefined) {
      const holds = able.some((candidate) => candidate.peerId === peerId && candidate.holds);
      const helpers = holds ? [] : chooseHelpers(able, { leadId: peerId, failedPeerId });
      name(swarm, peerId, helpers);
    }
    deps.onChange(swarm);
  };

  const name = (swarm: Swarm, leadId: string, helpers: readonly string[]) => {
    const { seeding } = swarm;
    seeding.peerId = leadId;
    // Of an earlier lead it is known what was read: nobody begins anew.
    const before = seeding.shared;
    for (const peerId of before?.helpers ?? [])
      if (peerId !== leadId && !helpers.includes(peerId)) before?.stretches.release(peerId);
    const stretches = before?.stretches ?? (helpers.length > 0 ? createStretches(swarm) : undefined);
    seeding.shared = stretches && { helpers: new Set(helpers), stretches };
    tell(swarm, leadId, stretches && 'lead');
    for (const helper of seeding.shared?.helpers ?? []) tell(swarm, helper, 'helper');
    if (stretches) membership.introduceTo(swarm, leadId);
    handOut(swarm);
  };

  const tell = (swarm: Swarm, peerId: string, shared: 'lead' | 'helper' | undefined) => {
    const session = presence.get(peerId);
    if (session === undefined || !swarm.origin) return;
    membership.enter(swarm, session, { role: 'seeder' });
    const { source, class: seedClass } = swarm.origin;
    session.send({ type: 'seed', class: seedClass, ...membership.factsFor(swarm, session), source, shared });
    deps.onNamed(swarm, session);
  };

  const handOut = (swarm: Swarm) => {
    const { peerId: leadId, shared } = swarm.seeding;
    if (shared === undefined || leadId === undefined) return;
    for (const peerId of [leadId, ...shared.helpers]) {
      while (shared.stretches.openOf(peerId) < STRETCHES_AHEAD) {
        const stretch = shared.stretches.take(peerId, peerId === leadId);
        if (stretch === undefined) break;
        presence.get(peerId)?.send({ type: 'read', swarm: swarm.id, ...stretch });
      }
    }
  };

  /** A seeder may be a host of the job as well: then it waits like any other. */
  const dismiss = (swarm: Swarm, peerId: string) => {
    const { seeding } = swarm;
    if (seeding.peerId === peerId) seeding.peerId = undefined;
    seeding.shared?.helpers.delete(peerId);
    seeding.shared?.stretches.release(peerId);
    const member = swarm.members.get(peerId);
    if (member) member.role = deps.mayRead(peerId, swarm.digest) ? 'leecher' : 'holder';
  };

  const candidates = (swarm: Swarm) => {
    const swarms = table.all();
    return presence.withRole('seeder').map(({ peerId }) => ({
      peerId,
      holds: swarm.members.get(peerId)?.complete === true,
      load: swarms.filter((other) => isSeeding(other, peerId) && !other.members.get(peerId)?.complete).length,
    }));
  };

  const progressed = ({ seeding }: Swarm) => {
    seeding.failures = 0;
    seeding.lastFailure = undefined;
  };

  return {
    ensure,
    ensureAll() {
      for (const swarm of table.all()) ensure(swarm);
    },
    completed(swarm) {
      progressed(swarm);
      for (const helper of swarm.seeding.shared?.helpers ?? [])
        presence.get(helper)?.send({ type: 'seeded', swarm: swarm.id });
      swarm.seeding.shared = undefined;
    },
    published(swarm, peerId, { first, count, isNew }) {
      if (isNew) progressed(swarm);
      const { shared } = swarm.seeding;
      if (shared === undefined) return;
      for (let piece = first; piece < first + count; piece++) shared.stretches.published(peerId, piece);
      handOut(swarm);
    },
    failed(swarm, peerId, failure) {
      const { seeding } = swarm;
      const wasLead = seeding.peerId === peerId;
      dismiss(swarm, peerId);
      if (!wasLead && failure.code !== 'DIGEST_MISMATCH') return handOut(swarm); // the others can do without
      const error = { ...failure, text: `the seeder ${presence.get(peerId)?.name ?? ''}: ${failure.text}` };
      const delayMs = RETRY_DELAYS_MS[seeding.failures];
      if (!error.retryable || delayMs === undefined) return deps.giveUp(swarm, error);
      seeding.failures++;
      seeding.lastFailure = { peerId, text: error.text };
      seeding.cancelRetry = clock.after(delayMs, () => {
        seeding.cancelRetry = undefined;
        ensure(swarm);
      });
      deps.onChange(swarm);
    },
    left(swarm, peerId) {
      if (isSeeding(swarm, peerId)) dismiss(swarm, peerId);
      handOut(swarm);
      ensure(swarm);
    },
    warningOf(swarm) {
      if (swarm.seeding.lastFailure) return `trying again: ${swarm.seeding.lastFailure.text}`;
      return needsSeeder(swarm) ? NO_SEEDER : undefined;
    },
  };
}
