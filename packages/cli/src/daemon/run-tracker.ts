/** Runs a tracker, with its embedded seeder if it is to have one, until it is asked to stop. */
import type { Agent } from '@shoal/agent';
import { dashboardFolders } from '@shoal/dashboard';
import { createTracker, type Tracker } from '@shoal/tracker';
import type { Logger } from 'pino';
import { harborOptions } from '../config/harbor-keys.ts';
import { marathonSites } from '../config/marathon.ts';
import { oidcOptions } from '../config/oidc.ts';
import { createOpenSource, createOpenUpstream, type OpenSource, readTextFile } from '../config/sources.ts';
import type { TrackerConfig } from '../config/tracker-config.ts';
import type { Io } from '../output/io.ts';
import { shoalVersion } from '../version.ts';
import { startEmbeddedSeeder } from './embedded-seeder.ts';
import type { DaemonIo } from './event-log/with-event-log.ts';
import { createDaemonLogger } from './logger.ts';
import { startError } from './start-error.ts';
import { untilStopped } from './until-stopped.ts';

interface Parts {
  config: TrackerConfig;
  io: Io;
  logger: Logger;
  openSource: OpenSource;
  tls: { cert: string; key: string; ca: string | undefined } | undefined;
}

/** Returns after a stop in order. Throws when it cannot start or its seeder ended by itself. */
export async function runTracker(config: TrackerConfig, withSeeder: boolean, io: DaemonIo): Promise<void> {
  const logger = createDaemonLogger(io, 'tracker', config.log);
  const openSource = createOpenSource(config.registries, { env: io.host.env });
  const parts = { config, io, logger, openSource, tls: readTls(config) };
  const tracker = await openTracker(parts);
  let seeder: Agent | undefined;
  try {
    if (withSeeder) seeder = await openSeeder(tracker, parts);
    const ended = untilStopped(io, seeder?.stopped); // before anybody is told that it runs, and may stop it
    logger.info({ event: 'ready', url: tracker.url, seeder: withSeeder }, 'tracker ready');
    const listening = `${config.listen.host}:${tracker.port}`;
    const also = seeder === undefined ? '' : `, with a seeder on port ${seeder.status().peerPort}`;
    io.stderr(`shoal tracker ready at ${tracker.url} (listening on ${listening})${also}\n`);
    const reason = await ended;
    if (reason !== undefined) throw reason;
  } finally {
    await seeder?.stop();
    await tracker.stop();
    logger.info({ event: 'stopped' }, 'tracker stopped');
  }
}

function readTls({ tls }: TrackerConfig): Parts['tls'] {
  if (tls === undefined) return undefined;
  const ca = tls.ca === undefined ? undefined : readTextFile(tls.ca);
  return { cert: readTextFile(tls.cert), key: readTextFile(tls.key), ca };
}

async function openTracker({ config, logger, openSource, tls }: Parts): Promise<Tracker> {
  const { dataDir, listen, insecure, foreignPeers, publicUrl, zoneLabel } = config;
  const harbor = harborOptions(config);
  try {
    return await createTracker({
      ...{ dataDir, host: listen.host, port: listen.port, insecure, openSource, logger },
      ...{ foreignPeers, publicUrl, zoneLabel, openUpstream: createOpenUpstream(config.registries), harbor },
      marathon: marathonSites(config.marathon),
      oidc: oidcOptions(config.oidc),
      historyMs: config.keepHistory,
      tls: tls && { cert: tls.cert, key: tls.key },
      dashboard: dashboardFolders,
      version: shoalVersion(),
    });
  } catch (error) {
    throw startError(error, { dataDir, address: `${listen.host}:${listen.port}`, portKey: 'listen.port' });
  }
}

async function openSeeder(tracker: Tracker, { config, io, logger, openSource, tls }: Parts): Promise<Agent> {
  const { peer } = config.seeder;
  try {
    return await startEmbeddedSeeder({
      ...{ config, tracker, tls, openSource, logger },
      hostName: io.host.hostName,
      version: shoalVersion(),
    });
  } catch (error) {
    const address = `${peer.host}:${peer.port}`;
    throw startError(error, { dataDir: config.dataDir, address, portKey: 'seeder.peer.port' });
  }
}
