/**
 * The seeder of `shoal tracker --seeder`: an agent in the seeder role in the tracker's process, with a join token of
 * its own that is made anew at each start. Decides its place and its token.
 */
import { join } from 'node:path';
import { type Agent, startAgent } from '@shoal/agent';
import { listTokens, revokeToken, type Tracker } from '@shoal/tracker';
import type { Logger } from 'pino';
import type { OpenSource } from '../config/sources.ts';
import type { TrackerConfig } from '../config/tracker-config.ts';
import { advertisedHost, ownAuthority, ownTrackerUrl } from './seeder-place.ts';

export interface EmbeddedSeederOptions {
  config: TrackerConfig;
  tracker: Tracker;
  /** PEM, when the tracker speaks TLS. */
  tls: { cert: string; ca: string | undefined } | undefined;
  openSource: OpenSource;
  hostName: string;
  version: string;
  logger: Logger;
}

const TOKEN_NAME = 'embedded seeder';

export async function startEmbeddedSeeder(options: EmbeddedSeederOptions): Promise<Agent> {
  const { config, tracker, tls, openSource, hostName, version, logger } = options;
  const { seeder, listen } = config;
  const advertiseHost = await advertisedHost([seeder.peer.advertiseHost, seeder.peer.host, listen.host]);
  logger.info({ event: 'embedded seeder', advertiseHost, port: seeder.peer.port }, 'starting the embedded seeder');
  return startAgent({
    dataDir: seederDataDir(config),
    name: `${hostName}-seeder`,
    version,
    labels: {},
    tracker: {
      url: ownTrackerUrl(tracker.url, tls?.cert),
      token: freshToken(config.dataDir, tracker),
      ca: tls?.ca ?? ownAuthority(tls?.cert),
    },
    peer: { host: seeder.peer.host, port: seeder.peer.port, advertiseHost },
    control: undefined,
    limits: { uploadBytesPerSecond: seeder.limits.upload, downloadBytesPerSecond: seeder.limits.download },
    exit: { kind: 'cache' },
    cache: seeder.cache,
    openSource,
    logger: logger.child({ part: 'seeder' }),
  });
}

export function seederDataDir({ dataDir, seeder }: Pick<TrackerConfig, 'dataDir' | 'seeder'>): string {
  return seeder.dataDir ?? join(dataDir, 'seeder');
}

/** Those of earlier starts are of no use to anybody but a thief. */
function freshToken(dataDir: string, tracker: Tracker): string {
  for (const { id, role, name } of listTokens(dataDir))
    if (role === 'seeder' && name === TOKEN_NAME) revokeToken(dataDir, id);
  return tracker.createToken('seeder', TOKEN_NAME);
}
