/**
 * From apps to jobs: which hosts each may land on, one job for all images of one set of hosts.
 * Who asks, the watcher or an operator, is not known here.
 */
import type { JobRequest, JobView } from '../client/job-schemas.ts';
import type { MarathonPrewarm } from '../client/marathon-schemas.ts';
import type { Clock } from '../clock.ts';
import { TrackerError } from '../errors.ts';
import { answerOf } from '../http/error-answer.ts';
import type { AgentRoster } from '../session/agent-roster.ts';
import type { Presence } from '../session/presence.ts';
import { type MesosAgent, readMesosAgents } from './mesos-agents.ts';
import type { MarathonSite, SiteClient } from './site.ts';
import { type PlacedHost, placedByLabels, placedByMesos, type ShoalHost, targetsOf } from './target-hosts.ts';
import type { Workload } from './workloads.ts';

/** A Marathon and the way to it. */
export interface OpenSite {
  site: MarathonSite;
  client: SiteClient;
}

export type JobFields = Omit<JobRequest, 'images' | 'hosts'>;

export interface PrewarmDesk {
  /**
   * Without a site, or without its Mesos, by Shoal's labels. What failed for some is in the answer; throws TrackerError,
   * OciError, RegistryError when it failed for all.
   */
  prewarm(workloads: readonly Workload[], open?: OpenSite, terms?: JobFields): Promise<MarathonPrewarm>;
}

export interface PrewarmDeskDeps {
  roster: Pick<AgentRoster, 'all'>;
  presence: Pick<Presence, 'get'>;
  createJob(request: JobRequest): Promise<JobView>;
  clock: Clock;
}

/** Of one job. */
const MAX_IMAGES = 64;
/** A deployment of many apps asks once. */
const AGENTS_KEPT_MS = 10_000;
const MAX_NAMED_HOSTS = 100;

interface Order {
  hosts: string[];
  ids: string[];
  images: string[];
}

export function createPrewarmDesk(deps: PrewarmDeskDeps): PrewarmDesk {
  const kept = new WeakMap<OpenSite, { agents: MesosAgent[]; untilMs: number }>();

  const mesosAgents = async (open: OpenSite, mesos: string): Promise<MesosAgent[]> => {
    const before = kept.get(open);
    if (before !== undefined && deps.clock.uptime() < before.untilMs) return before.agents;
    const agents = readMesosAgents(await open.client.json(mesos, '/master/slaves'));
    kept.set(open, { agents, untilMs: deps.clock.uptime() + AGENTS_KEPT_MS });
    return agents;
  };

  const placedHosts = async (open: OpenSite | undefined): Promise<PlacedHost[]> => {
    const mesos = open?.site.mesos;
    const agents = open && mesos !== undefined ? await mesosAgents(open, mesos) : undefined;
    const hosts: ShoalHost[] = deps.roster.all().map(({ peerId, name, role, labels }) => {
      return { name, role, labels, address: deps.presence.get(peerId)?.host };
    });
    return agents === undefined ? placedByLabels(hosts) : placedByMesos(agents, hosts);
  };

  return {
    async prewarm(workloads, open, terms) {
      const answer: MarathonPrewarm = { jobs: [], skipped: [], failed: [], withoutAgent: [] };
      const useful = workloads.filter((workload) => {
        const reason = whyUseless(workload);
        if (reason !== undefined) answer.skipped.push({ id: workload.id, reason });
        return reason === undefined;
      });
      if (useful.length === 0) return answer;
      const { orders, failures, withoutAgent } = ordersOf(useful, await placedHosts(open));
      answer.withoutAgent = withoutAgent.slice(0, MAX_NAMED_HOSTS);
      for (const { hosts, ids, images } of orders) {
        try {
          answer.jobs.push(await deps.createJob({ ...open?.site.prewarm, ...terms, images, hosts }));
        } catch (error) {
          failures.push({ ids, error });
        }
      }
      if (answer.jobs.length === 0 && failures.length > 0) throw failures[0]?.error;
      answer.failed = failures.map(({ ids, error }) => {
        const { status: _, ...told } = answerOf(error as Error);
        return { ids, error: told };
      });
      return answer;
    },
  };
}

function whyUseless({ images, instances }: Workload): string | undefined {
  if (images.length === 0) return 'it has no docker image';
  return instances <= 0 ? 'it has no instances' : undefined;
}

interface Failure {
  ids: string[];
  error: unknown;
}

function ordersOf(workloads: readonly Workload[], placed: readonly PlacedHost[]) {
  const byHosts = new Map<string, Order>();
  const failures: Failure[] = [];
  const withoutAgent = new Set<string>();
  for (const { id, images, constraints } of workloads) {
    try {
      const targets = targetsOf(placed, constraints);
      for (const name of targets.withoutAgent) withoutAgent.add(name);
      if (targets.hosts.length === 0) throw noHosts(id, targets.withoutAgent);
      const key = targets.hosts.join('\n');
      const order = byHosts.get(key) ?? { hosts: targets.hosts, ids: [], images: [] };
      byHosts.set(key, { ...order, ids: [...order.ids, id], images: [...new Set([...order.images, ...images])] });
    } catch (error) {
      if (!(error instanceof TrackerError)) throw error;
      failures.push({ ids: [id], error });
    }
  }
  return { orders: [...byHosts.values()].flatMap(inParts), failures, withoutAgent: [...withoutAgent] };
}

function noHosts(id: string, withoutAgent: readonly string[]): TrackerError {
  const why =
    withoutAgent.length === 0
      ? 'its constraints allow none'
      : `no agent of Shoal runs where its constraints allow it: ${withoutAgent.slice(0, 5).join(', ')}`;
  return new TrackerError('NO_HOSTS', `${id}: ${why}`);
}

function inParts(order: Order): Order[] {
  const count = Math.ceil(order.images.length / MAX_IMAGES);
  return Array.from({ length: count }, (_, index) => ({
    ...order,
    images: order.images.slice(index * MAX_IMAGES, (index + 1) * MAX_IMAGES),
  }));
}
