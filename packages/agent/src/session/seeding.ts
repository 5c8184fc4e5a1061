/**
 * The seeder role: on the tracker's order reads a blob from its registry once and feeds its swarm.
 * One reading a blob at a time; a failed one is told to the tracker, which decides on another try.
 */
import type { ImageSource } from '@shoal/registry';
import type { AgentMessage, TrackerMessageOf } from '@shoal/tracker/client';
import type { Logger } from 'pino';
import { AgentError, toSessionError } from '../errors.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import type { DownloadScheduler } from '../swarm/download-scheduler.ts';
import { readOrigin } from '../swarm/origin-reader.ts';
import type { SwarmRunner } from '../swarm/swarm-runner.ts';
import type { Swarms } from '../swarm/swarms.ts';

export interface SeedingOptions {
  swarms: Swarms;
  memory: PieceMemory;
  downloads: DownloadScheduler;
  logger: Logger;
  send(message: AgentMessage): void;
  openSource: ((registry: string) => Promise<ImageSource>) | undefined;
}

export interface Seeding {
  /** Blob bytes read from registries by this process. */
  readonly originBytes: number;
  /** Resolves when the swarm is open; the reading goes on. */
  seed(message: TrackerMessageOf<'seed'>): Promise<void>;
  stop(): void;
}

export function createSeeding({ swarms, memory, downloads, logger, send, openSource }: SeedingOptions): Seeding {
  /** Swarms whose blob is being read, with the bytes the tracker was last told of. */
  const reading = new Map<string, number>();
  const abort = new AbortController();
  let originBytes = 0;

  const read = async (message: TrackerMessageOf<'seed'>, runner: SwarmRunner): Promise<void> => {
    const { source: seed, swarm, digest } = message;
    if (openSource === undefined)
      throw new AgentError('NO_SOURCE', `${seed.registry}; start the agent with registries it may read`);
    const source = await openSource(seed.registry);
    logger.info({ event: 'seeding', digest, registry: seed.registry }, 'reading a blob from its registry');
    const onBytes = (bytes: number): void => {
      originBytes += bytes;
    };
    const say = (said: AgentMessage): void => {
      if (said.type === 'publish') reading.set(swarm, said.originBytes);
      send(said);
    };
    try {
      await readOrigin({ runner, source, seed, memory, downloads, send: say, onBytes, signal: abort.signal });
    } catch (error) {
      if (toSessionError(error).code === 'DIGEST_MISMATCH') await swarms.drop(runner);
      throw error;
    } finally {
      await source.close();
    }
    swarms.reportHave();
    logger.info({ event: 'seeded', digest, swarm }, 'a blob is read, hashed and published');
  };

  const failed = (message: TrackerMessageOf<'seed'>, error: unknown): void => {
    if (abort.signal.aborted) return;
    const failure = toSessionError(error);
    logger.error(
      { event: 'seeding failed', digest: message.digest, code: failure.code, untrusted: failure.text },
      'a blob could not be read from its registry',
    );
    send({ type: 'seedFailed', swarm: message.swarm, error: failure });
  };

  /** Ordered again in the middle: a lost session may have eaten hashes, and later ones need those before them. */
  const publishAgain = ({ swarmId, blob }: SwarmRunner, toldBytes: number): void => {
    const hashes = blob.hashes.toString('base64');
    if (hashes !== '') send({ type: 'publish', swarm: swarmId, first: 0, hashes, originBytes: toldBytes });
  };

  return {
    get originBytes() {
      return originBytes;
    },
    async seed(message) {
      const { swarm } = message;
      const toldBytes = reading.get(swarm);
      if (toldBytes === undefined) reading.set(swarm, 0);
      const done = (): boolean => reading.delete(swarm);
      try {
        const runner = await swarms.seed(message);
        if (toldBytes !== undefined) return publishAgain(runner, toldBytes);
        void read(message, runner)
          .catch((error) => failed(message, error))
          .finally(done);
      } catch (error) {
        if (toldBytes === undefined) done();
        failed(message, error);
      }
    },
    stop: () => abort.abort(new AgentError('ABORTED', 'the agent is stopping')),
  };
}
