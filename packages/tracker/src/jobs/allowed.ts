/** The rate that the policy in force allows a job, looked at anew every few seconds: ten thousand hosts are gone through. */
import type { Policy } from '@shoal/policy';
import type { JobSummary } from '../client/job-schemas.ts';
import type { Clock } from '../clock.ts';
import type { Presence } from '../session/presence.ts';
import { allowedRate } from './allowed-rate.ts';
import { isActive, isEnded, type Job } from './job.ts';

export interface AllowedDeps {
  policy(): Policy | undefined;
  presence: Presence;
  clock: Clock;
}

const LOOK_MS = 5000;

export function createAllowed({ policy, presence, clock }: AllowedDeps): (job: Job) => JobSummary['allowed'] {
  const looks = new WeakMap<Job, { policy: Policy; atMs: number; allowed: JobSummary['allowed'] }>();
  const look = (job: Job, inForce: Policy): JobSummary['allowed'] => {
    const hosts = [...job.hosts.values()]
      .filter((host) => !isEnded(host) && isActive(job, host))
      .flatMap(({ peerId }) => {
        const session = presence.get(peerId);
        return session ? [{ name: session.name, labels: session.labels, address: session.host }] : [];
      });
    const rate = allowedRate(inForce, { class: job.class, hosts }, clock.now());
    return rate && { ...rate, bytesPerSecond: Math.round(rate.bytesPerSecond) };
  };
  return (job) => {
    const inForce = policy();
    if (inForce === undefined) return undefined;
    const last = looks.get(job);
    if (last?.policy === inForce && clock.now() - last.atMs < LOOK_MS) return last.allowed;
    const allowed = look(job, inForce);
    looks.set(job, { policy: inForce, atMs: clock.now(), allowed });
    return allowed;
  };
}
