/** What the demo found: one object for machines, a few lines for people. */
import { formatRate } from '@shoal/policy';
import type { JobHostView, JobView } from '@shoal/tracker/client';
import type { Fleet } from './demo-fleet.ts';

export interface DemoAgentResult {
  name: string;
  state: JobHostView['state'];
  exit?: 'engine' | 'archive' | 'cache';
  imageId?: string;
  archiveBytes: number;
  receivedBytes: number;
  sentBytes: number;
  feeders: { name: string; bytes: number }[];
  error?: { code: string; text: string };
}

export interface DemoSummary {
  ok: boolean;
  image: string;
  imageBytes: number;
  seconds: number;
  originBytes: number;
  /** Bytes read from the registry ÷ size of the image. */
  originCopies: number;
  /** Bytes the seeder sent ÷ size of the image: a star has as many as agents, a swarm about one. */
  seederCopies: number;
  /** Bytes the agents got from the seeder and from each other. */
  peerBytes: number;
  bytesPerSecond: number | null;
  agents: DemoAgentResult[];
}

export function summarize(job: JobView, fleet: Fleet, run: { seconds: number; bytesPerSecond: number }): DemoSummary {
  const [image] = job.images;
  const imageBytes = image?.imageBytes ?? 0;
  const agents = fleet.agents.map(({ name, agent }) => agentResult(name, agent.status().traffic, job));
  const seederSent = fleet.seeder.agent.status().traffic.sentBytes;
  return {
    ok: job.state === 'done',
    image: image?.reference ?? '',
    imageBytes,
    seconds: round(run.seconds),
    originBytes: job.originBytes,
    originCopies: round(job.originBytes / imageBytes),
    seederCopies: round(seederSent / imageBytes),
    peerBytes: agents.reduce((sum, { receivedBytes }) => sum + receivedBytes, 0),
    bytesPerSecond: Number.isFinite(run.bytesPerSecond) ? run.bytesPerSecond : null,
    agents,
  };
}

function agentResult(
  name: string,
  traffic: { sentBytes: number; receivedBytes: number },
  job: JobView,
): DemoAgentResult {
  const host = job.hosts.find((candidate) => candidate.name === name);
  const report = host?.images[0];
  const error = report?.error ?? host?.error;
  return {
    name,
    state: host?.state ?? 'waiting',
    exit: report?.exit,
    imageId: report?.imageId,
    archiveBytes: report?.archiveBytes ?? 0,
    receivedBytes: traffic.receivedBytes,
    sentBytes: traffic.sentBytes,
    feeders: report?.feeders ?? [],
    ...(error === undefined ? {} : { error: { code: error.code, text: error.text } }),
  };
}

export function describeSummary(summary: DemoSummary, kept: string | undefined): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const lines = [
    '',
    `${summary.ok ? 'Done' : 'FAILED'}: ${summary.image} (${megabytes(summary.imageBytes)}) on ${agentsText(summary.agents.length)} in ${summary.seconds.toFixed(1)} s`,
    `  read from the origin    ${megabytes(summary.originBytes)} = ${summary.originCopies.toFixed(2)} × the image`,
    `  sent by the seeder      ${summary.seederCopies.toFixed(2)} × the image (without a swarm: ${summary.agents.length})`,
    `  moved between hosts     ${megabytes(summary.peerBytes)}, each host capped at ${formatRate(summary.bytesPerSecond ?? Number.POSITIVE_INFINITY)}`,
    ...summary.agents.map((agent) => `  ${agent.name.padEnd(9)} ${describeAgent(agent)}`),
    ...(kept === undefined ? [] : [`  kept in ${kept}`]),
    ...(summary.ok || kept !== undefined ? [] : ['  run it with --keep to keep its log']),
  ];
  return `${lines.join('\n')}\n`;
}

/** `1 agent`, `5 agents`. */
export function agentsText(count: number): string {
  return `${count} ${count === 1 ? 'agent' : 'agents'}`;
}

function describeAgent(agent: DemoAgentResult): string {
  if (agent.error !== undefined) return `failed: ${agent.error.text}`;
  if (agent.exit === 'engine')
    return `in the Docker Engine as ${agent.imageId?.slice(0, 19)} (docker rmi takes it out again)`;
  if (agent.exit === 'archive') return `verified docker load archive, ${(agent.archiveBytes / 1e6).toFixed(1)} MB`;
  return agent.state;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
