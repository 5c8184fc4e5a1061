/** `shoal status`: the agent of this host, or with `--tracker` the tracker. */
import type { AgentStatus } from '@shoal/agent';
import type { StatusView } from '@shoal/tracker/client';
import { Command } from 'commander';
import { formatBytes, formatTable, percentOf } from '../output/format.ts';
import type { Io } from '../output/io.ts';
import { addLocalAgentOptions, askLocalAgent, type LocalAgentFlags } from '../people/local-agent.ts';
import { addTrackerOptions, type TrackerFlags, withTracker } from '../people/tracker-options.ts';
import { describeInForce, linkFacts } from '../policy/describe-in-force.ts';
import { budgetText } from './cache.ts';

type Flags = TrackerFlags & LocalAgentFlags & { json: boolean };

export function statusCommand(io: Io): Command {
  const command = new Command('status').description('show the agent of this host, or with --tracker the tracker');
  return addTrackerOptions(addLocalAgentOptions(command), '--tracker [url]').action(async (flags: Flags) => {
    const { json } = flags;
    if (flags.tracker !== undefined) {
      const view = await withTracker(io, flags, (client) => client.status());
      return io.stdout(json ? `${JSON.stringify(view)}\n` : describeTracker(view));
    }
    const { config, dataDir, controlPort } = flags;
    const { status } = await askLocalAgent({ config, dataDir, controlPort }, io);
    io.stdout(json ? `${JSON.stringify(status)}\n` : describeAgent(status));
  });
}

function describeTracker({ version, startedAt, agents, seeders, swarms, runningJobs }: StatusView): string {
  return formatTable(
    ['TRACKER', version],
    [
      ['started', startedAt],
      ['agents', `${agents.online} of ${agents.known} online`],
      ['seeders', `${seeders.online} of ${seeders.known} online`],
      ['swarms', String(swarms)],
      ['running jobs', String(runningJobs)],
    ],
  );
}

function receivedText({ receivedBytes, remoteBytes }: AgentStatus['traffic']): string {
  const remote = remoteBytes > 0 ? `, ${formatBytes(remoteBytes)} of it from other zones` : '';
  return `${formatBytes(receivedBytes)}${remote}`;
}

function proxyFacts({ proxy }: AgentStatus): [string, string][] {
  if (proxy === undefined) return [];
  const { cache, swarm, registry } = proxy.sentBytes;
  const sent = [`cache ${formatBytes(cache)}`, `swarm ${formatBytes(swarm)}`, `registry ${formatBytes(registry)}`];
  const standIn = proxy.tlsPort === undefined ? '' : `, TLS on port ${proxy.tlsPort}`;
  return [
    ['proxy', `port ${proxy.port}${standIn}, sent from ${sent.join(', ')}`],
    ['proxy CA', proxy.certFile],
  ];
}

function describeAgent(status: AgentStatus): string {
  const { traffic, limits, tracker } = status;
  const why = tracker.error === undefined ? '' : `: ${tracker.error.text}`;
  const facts = formatTable(
    ['AGENT', status.name],
    [
      ['version', status.version],
      ['role', status.role ?? 'not known yet'],
      ['tracker', `${tracker.url} ${tracker.state}${why}`],
      ['peer port', `${status.peerPort}, ${status.connections} connections`],
      ['received', receivedText(traffic)],
      ['sent', formatBytes(traffic.sentBytes)],
      ['from registries', formatBytes(traffic.originBytes)],
      ['cache', budgetText(status.cache)],
      ...proxyFacts(status),
      ...linkFacts(limits),
    ],
  );
  const jobs = status.jobs.flatMap(({ jobId, images }) =>
    images.map(({ reference, state, haveBytes, wantedBytes }) => [
      jobId,
      reference,
      state,
      `${percentOf(haveBytes, wantedBytes)} %`,
    ]),
  );
  const blobs = status.blobs.map(({ digest, size, pieces, heldPieces }) => [
    digest,
    formatBytes(size),
    `${heldPieces}/${pieces}`,
  ]);
  const tables = [facts, describeInForce(limits)];
  const pulls = (status.proxy?.pulls ?? []).map((pull) => [
    `${pull.registry}/${pull.repository}`,
    pull.digest,
    `${percentOf(pull.heldBytes, pull.bytes)} % of ${formatBytes(pull.bytes)}`,
    pull.source,
    String(pull.clients),
  ]);
  if (pulls.length > 0) tables.push(formatTable(['PULL', 'BLOB', 'HELD', 'FROM', 'CLIENTS'], pulls));
  if (jobs.length > 0) tables.push(formatTable(['JOB', 'IMAGE', 'STATE', 'HELD'], jobs));
  if (blobs.length > 0) tables.push(formatTable(['BLOB', 'SIZE', 'PIECES'], blobs));
  return tables.join('\n');
}
