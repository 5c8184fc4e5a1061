/**
 * Sees to it that a blob nobody can serve gets a seeder: names one, takes its failures, tries again.
 * Decides when a blob is given up. The choice between seeders is choose-seeder.ts.
 */
import type { SessionError } from '../client/shapes.ts';
import type { Clock } from '../clock.ts';
import type { AgentSession } from '../session/agent-session.ts';
import type { Presence } from '../session/presence.ts';
import { chooseSeeder } from './choose-seeder.ts';
import type { Membership } from './membership.ts';
import { needsSeeder, type Swarm } from './swarm.ts';
import type { SwarmTable } from './swarm-table.ts';

const RETRY_DELAYS_MS = [2_000, 5_000, 10_000];

const NO_SEEDER = 'no seeder online: a blob that no host holds waits until one connects';

export interface SeedingDesk {
  /** To be called after whatever may have left the swarm without one. */
  ensure(swarm: Swarm): void;
  /** A seeder came: perhaps somebody waited for it. */
  ensureAll(): void;
  /** Progress: the count of failures starts again. */
  progressed(swarm: Swarm): void;
  failed(swarm: Swarm, peerId: string, error: SessionError): void;
  /** The seeder went away. */
  lost(swarm: Swarm): void;
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
    const peerId = chooseSeeder(candidates(swarm), { random, failedPeerId: swarm.seeding.lastFailure?.peerId });
    const session = peerId === undefined ? undefined : presence.get(peerId);
    if (session) {
      membership.enter(swarm, session, { role: 'seeder' });
      swarm.seeding.peerId = session.peerId;
      session.send({ type: 'seed', ...membership.factsFor(swarm, session), source: swarm.origin.source });
      deps.onNamed(swarm, session);
    }
    deps.onChange(swarm);
  };

  /** A seeder may be a host of the job as well: then it waits like any other. */
  const dismiss = (swarm: Swarm, peerId: string) => {
    swarm.seeding.peerId = undefined;
    const member = swarm.members.get(peerId);
    if (member) member.role = deps.mayRead(peerId, swarm.digest) ? 'leecher' : 'holder';
  };

  const candidates = (swarm: Swarm) => {
    const swarms = table.all();
    return presence.withRole('seeder').map(({ peerId }) => ({
      peerId,
      holds: swarm.members.get(peerId)?.complete === true,
      load: swarms.filter(({ seeding, members }) => seeding.peerId === peerId && !members.get(peerId)?.complete).length,
    }));
  };

  return {
    ensure,
    ensureAll() {
      for (const swarm of table.all()) ensure(swarm);
    },
    progressed(swarm) {
      swarm.seeding.failures = 0;
      swarm.seeding.lastFailure = undefined;
    },
    failed(swarm, peerId, failure) {
      const { seeding } = swarm;
      if (seeding.peerId !== peerId) return;
      dismiss(swarm, peerId);
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
    lost(swarm) {
      swarm.seeding.peerId = undefined;
      ensure(swarm);
    },
    warningOf(swarm) {
      if (swarm.seeding.lastFailure) return `trying again: ${swarm.seeding.lastFailure.text}`;
      return needsSeeder(swarm) ? NO_SEEDER : undefined;
    },
  };
}
