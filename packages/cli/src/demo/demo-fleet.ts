/**
 * The demo's fleet on loopback: a tracker, a seeder beside it and some agents, each with its own
 * data folder, key, token and cap. The first agent loads into the Docker Engine if one answers.
 */
import { join } from 'node:path';
import { type Agent, createEngineClient, defaultEngineAddress, type ExitOptions, startAgent } from '@shoal/agent';
import type { ImageSource } from '@shoal/registry';
import { createTracker, type Tracker } from '@shoal/tracker';
import { createTrackerClient, type TrackerClient } from '@shoal/tracker/client';
import type { Logger } from 'pino';

export interface FleetOptions {
  folder: string;
  agents: number;
  bytesPerSecond: number;
  version: string;
  logger: Logger;
  openSource(registry: string): Promise<ImageSource>;
}

export interface FleetMember {
  name: string;
  agent: Agent;
}

export interface Fleet {
  tracker: Tracker;
  client: TrackerClient;
  seeder: FleetMember;
  agents: FleetMember[];
  /** The engine the first agent loads into, if one answers, and what was found. */
  engine: { address: string | undefined; why: string };
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const ENGINE_ANSWERS_MS = 3000;

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { folder, logger, version, openSource } = options;
  const tracker = await createTracker({
    dataDir: join(folder, 'tracker'),
    host: LOOPBACK,
    port: 0,
    insecure: true,
    openSource,
    logger,
    version,
  });
  const members: FleetMember[] = [];
  const engine = await findEngine();
  try {
    members.push(await startMember({ name: 'seeder', exit: { kind: 'cache' } }, tracker, options));
    for (let number = 1; number <= options.agents; number++) {
      const name = `agent-${number}`;
      const toEngine = number === 1 && engine.address !== undefined;
      const exit: ExitOptions = toEngine
        ? { kind: 'engine', address: engine.address }
        : { kind: 'archive', folder: join(folder, name, 'archives') };
      members.push(await startMember({ name, exit }, tracker, options));
    }
  } catch (error) {
    await stopAll(tracker, members);
    throw error;
  }
  const [seeder, ...agents] = members as [FleetMember, ...FleetMember[]];
  const client = createTrackerClient({ url: tracker.url, token: tracker.createToken('admin', 'demo') });
  return { tracker, client, seeder, agents, engine, stop: () => stopAll(tracker, members) };
}

async function startMember(
  { name, exit }: { name: string; exit: ExitOptions },
  tracker: Tracker,
  options: FleetOptions,
): Promise<FleetMember> {
  const { folder, bytesPerSecond, version, logger, openSource } = options;
  const isSeeder = name === 'seeder';
  const agent = await startAgent({
    dataDir: join(folder, name),
    name,
    version,
    labels: {},
    tracker: { url: tracker.url, token: tracker.createToken(isSeeder ? 'seeder' : 'agent', name) },
    peer: { host: LOOPBACK, port: 0, advertiseHost: LOOPBACK },
    control: undefined,
    limits: { uploadBytesPerSecond: bytesPerSecond, downloadBytesPerSecond: bytesPerSecond },
    exit,
    ...(isSeeder ? { openSource } : {}),
    logger: logger.child({ agent: name }),
  });
  return { name, agent };
}

async function stopAll(tracker: Tracker, members: readonly FleetMember[]): Promise<void> {
  const ends = await Promise.allSettled(members.map(({ agent }) => agent.stop()));
  await tracker.stop();
  const failed = ends.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function findEngine(): Promise<Fleet['engine']> {
  const address = process.env.DOCKER_HOST || defaultEngineAddress(process.platform);
  const engine = createEngineClient({ address });
  try {
    const { version, os } = await engine.info(AbortSignal.timeout(ENGINE_ANSWERS_MS));
    if (os === 'windows') return { address: undefined, why: 'the demo image is no Windows container' };
    return { address, why: `Docker Engine ${version} answers` };
  } catch {
    return { address: undefined, why: 'no Docker Engine answers on this machine' };
  } finally {
    await engine.close();
  }
}
