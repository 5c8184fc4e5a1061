/**
 * The seeder role: on the tracker's order reads a blob from its registry once, alone or with other
 * seeders, and feeds its swarm. One reading a blob at a time; a failed one is told to the tracker,
 * which decides on another try. A reading goes on when the tracker is gone.
 */
import type { ImageSource } from '@shoal/registry';
import type { AgentMessage, TrackerMessageOf } from '@shoal/tracker/client';
import type { Logger } from 'pino';
import { AgentError, toSessionError } from '../errors.ts';
import type { PieceMemory } from '../store/piece-memory.ts';
import type { DownloadScheduler } from '../swarm/download-scheduler.ts';
import { OriginReader } from '../swarm/origin-reader.ts';
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
  isReading(digest: string): boolean;
  /** Resolves when the swarm is open; the reading goes on. */
  seed(message: TrackerMessageOf<'seed'>): Promise<void>;
  read(message: TrackerMessageOf<'read'>): void;
  seeded(message: TrackerMessageOf<'seeded'>): void;
  /** Whether there is a session with the tracker. */
  trackerIsThere(isThere: boolean): void;
  stop(): void;
}

/** A session that comes back by then was no loss: the tracker may have named another seeder meanwhile. */
const ALONE_AFTER_MS = 3000;

export function createSeeding({ swarms, memory, downloads, logger, send, openSource }: SeedingOptions): Seeding {
  /** By swarm. */
  const readers = new Map<string, OriginReader>();
  const abort = new AbortController();
  let originBytes = 0;
  let isAlone = false;
  let lost: NodeJS.Timeout | undefined;

  const onBytes = (bytes: number): void => {
    originBytes += bytes;
  };

  const run = async (reader: OriginReader, runner: SwarmRunner, message: TrackerMessageOf<'seed'>) => {
    const { source: seed, swarm, digest } = message;
    if (openSource === undefined)
      throw new AgentError('NO_SOURCE', `${seed.registry}; start the agent with registries it may read`);
    const source = await openSource(seed.registry);
    logger.info({ event: 'seeding', digest, registry: seed.registry }, 'reading a blob from its registry');
    try {
      await reader.run(source);
    } catch (error) {
      if (toSessionError(error).code === 'DIGEST_MISMATCH') await swarms.drop(runner);
      throw error;
    } finally {
      await source.close();
    }
    swarms.reportHave();
    logger.info({ event: 'seeded', digest, swarm }, 'a blob is read, hashed and published');
  };

  const failed = ({ swarm, digest }: TrackerMessageOf<'seed'>, error: unknown): void => {
    if (abort.signal.aborted) return;
    const failure = toSessionError(error);
    logger.error(
      { event: 'seeding failed', digest, code: failure.code, untrusted: failure.text },
      'a blob could not be read from its registry',
    );
    send({ type: 'seedFailed', swarm, error: failure });
  };

  const start = (message: TrackerMessageOf<'seed'>, runner: SwarmRunner): OriginReader => {
    const { source: seed, swarm, class: seedClass } = message;
    const reader = new OriginReader({
      runner,
      seed,
      class: seedClass,
      memory,
      downloads,
      send,
      onBytes,
      isAlone: () => isAlone,
      signal: abort.signal,
    });
    readers.set(swarm, reader);
    void run(reader, runner, message)
      .catch((error) => failed(message, error))
      .finally(() => {
        if (readers.get(swarm) === reader) readers.delete(swarm);
      });
    return reader;
  };

  return {
    get originBytes() {
      return originBytes;
    },
    isReading: (digest) => [...readers.values()].some(({ runner }) => runner.blob.digest === digest),
    async seed(message) {
      const { swarm, shared } = message;
      try {
        const runner = await swarms.seed(message);
        const known = readers.get(swarm);
        const goesOn = known?.runner === runner;
        const reader = goesOn ? known : start(message, runner);
        if (goesOn) reader.publishAgain();
        if (shared !== 'helper') reader.lead();
        if (shared === undefined) reader.read({ first: 0, count: runner.blob.held.length });
      } catch (error) {
        failed(message, error);
      }
    },
    read: ({ swarm, first, count }) => readers.get(swarm)?.read({ first, count }),
    seeded: ({ swarm }) => readers.get(swarm)?.release(),
    trackerIsThere(isThere) {
      if (isThere) {
        clearTimeout(lost);
        [lost, isAlone] = [undefined, false];
        return;
      }
      lost ??= setTimeout(() => {
        isAlone = true;
        for (const reader of readers.values()) reader.lookAgain();
      }, ALONE_AFTER_MS);
    },
    stop() {
      clearTimeout(lost);
      abort.abort(new AgentError('ABORTED', 'the agent is stopping'));
    },
  };
}
