/** Runs an agent until it is asked to stop, by a signal or its control API, or is refused by the tracker. */
import { type Agent, type AgentOptions, type ExitOptions, spareTheOptimizer, startAgent } from '@shoal/agent';
import type { AgentConfig } from '../config/agent-config.ts';
import { createOpenSource, readSecretFile, readTextFile, remoteRegistries } from '../config/sources.ts';
import type { Io } from '../output/io.ts';
import { shoalVersion } from '../version.ts';
import type { DaemonIo } from './event-log/with-event-log.ts';
import { createDaemonLogger } from './logger.ts';
import { startError } from './start-error.ts';
import { untilStopped } from './until-stopped.ts';

/** Returns after a stop in order. Throws AgentError REFUSED, and what keeps it from starting. */
export async function runAgent(config: AgentConfig, io: DaemonIo): Promise<void> {
  spareTheOptimizer();
  const logger = createDaemonLogger(io, 'agent', config.log);
  const agent = await openAgent({ ...agentOptions(config, io), logger });
  const ended = untilStopped(io, agent.stopped); // before anybody is told that it runs, and may stop it
  const { peerPort, proxy: proxyStatus } = agent.status();
  const ports = { peerPort, controlPort: agent.controlPort, proxyPort: agent.proxyPort };
  const certFile = proxyStatus?.certFile;
  logger.info({ event: 'ready', peerId: agent.peerId, ...ports, proxyCertFile: certFile }, 'agent ready');
  const control = agent.controlPort === undefined ? 'no control API' : `control API on port ${agent.controlPort}`;
  const proxy = agent.proxyPort === undefined ? '' : `, proxy on port ${agent.proxyPort} (its CA: ${certFile})`;
  io.stderr(
    `shoal agent ${config.name} ready: peers on port ${peerPort}, ${control}${proxy}, tracker ${config.tracker.url}\n`,
  );
  const reason = await ended;
  await agent.stop();
  if (reason !== undefined) throw reason;
}

export function agentOptions(config: AgentConfig, io: Io): Omit<AgentOptions, 'logger'> {
  const { tracker, peer, control, limits } = config;
  return {
    ...{ dataDir: config.dataDir, name: config.name, labels: config.labels, peer },
    version: shoalVersion(),
    tracker: { url: tracker.url, token: tokenOf(tracker), ca: tracker.ca && readTextFile(tracker.ca) },
    control: control.enabled ? { host: control.host, port: control.port } : undefined,
    proxy: config.proxy.enabled ? proxyOf(config) : undefined,
    limits: { uploadBytesPerSecond: limits.upload, downloadBytesPerSecond: limits.download },
    bandwidth: bandwidthOf(config),
    exit: exitOf(config),
    cache: config.cache,
    openSource: createOpenSource(config.registries, { env: io.host.env }),
  };
}

async function openAgent(options: AgentOptions): Promise<Agent> {
  try {
    return await startAgent(options);
  } catch (error) {
    const address = `${options.peer.host}:${options.peer.port}`;
    throw startError(error, { dataDir: options.dataDir, address, portKey: 'peer.port' });
  }
}

/** The schema's checks allow exactly one of the two. */
function tokenOf({ token, tokenFile }: AgentConfig['tracker']): string {
  return token ?? readSecretFile(tokenFile ?? '');
}

function proxyOf({ proxy, registries }: AgentConfig): AgentOptions['proxy'] {
  const { enabled: _enabled, tls, trustRightsFor, staleTagsFor, ...rest } = proxy;
  return {
    ...rest,
    ...{ trustRightsForMs: trustRightsFor, staleTagsForMs: staleTagsFor },
    tls: tls.port === undefined ? undefined : { host: tls.host, port: tls.port },
    registries: remoteRegistries(registries),
  };
}

function bandwidthOf({ bandwidth: { link, measure } }: AgentConfig): NonNullable<AgentOptions['bandwidth']> {
  const names = measure?.split(',').map((name) => name.trim());
  return {
    ...(link === undefined || link === Number.POSITIVE_INFINITY ? {} : { linkBytesPerSecond: link }),
    ...(names === undefined ? {} : { measure: names.filter((name) => name !== '') }),
  };
}

function exitOf({ exit, engine, archive }: AgentConfig): ExitOptions {
  if (exit === 'archive') return { kind: 'archive', folder: archive.folder ?? '' };
  return exit === 'engine' ? { kind: 'engine', address: engine.address } : { kind: 'cache' };
}
