/** The swarms of one host, with a test in the tracker's place. */
import type { AgentMessage, AgentMessageOf, Neighbour, SwarmFacts, TrackerMessageOf } from '@shoal/tracker/client';
import { swarmIdOf, type TicketRole } from '@shoal/wire';
import { onTestFinished } from 'vitest';
import { ticketFor } from '../peer/peer.testkit.ts';
import { pieceOf, shared, type TestBlob } from '../store/store.testkit.ts';
import { until } from '../wait.testkit.ts';
import { type HostOptions, silent, startHost, type TestHost } from './host.testkit.ts';
import { Swarms } from './swarms.ts';

export interface TestSwarms {
  host: TestHost;
  swarms: Swarms;
  /** All that was said to the tracker. */
  said: AgentMessage[];
  send(message: AgentMessage): void;
  names: Map<string, string>;
  saidOf<T extends AgentMessage['type']>(type: T): AgentMessageOf<T>[];
  /** Waits until so many messages of this type were said, and returns them. */
  heard<T extends AgentMessage['type']>(type: T, count?: number): Promise<AgentMessageOf<T>[]>;
  /** The tracker's answer to the latest join of this blob, or to `cached` with `request: 0`. */
  joined(blob: TestBlob, answer?: Answer): Promise<void>;
  facts(blob: TestBlob, answer?: Answer): SwarmFacts;
}

export interface Answer {
  request?: number;
  neighbours?: Neighbour[];
  /** Default: all. */
  hashes?: Buffer;
  role?: TicketRole;
}

export function swarmIdFor(blob: { digest: string }): string {
  return swarmIdOf(Buffer.from('secret'), blob.digest);
}

export async function testSwarms(options: HostOptions & { isSeeder?: boolean } = {}): Promise<TestSwarms> {
  const host = await startHost(options);
  const said: AgentMessage[] = [];
  const names = new Map<string, string>();
  const send = (message: AgentMessage) => void said.push(structuredClone(message));
  const swarms = new Swarms({
    onOpened: () => {},
    onComplete: () => {},
    ...{ context: host.context, store: host.store, logger: silent, send },
    isSeeder: () => options.isSeeder ?? false,
    onNeighbours: (neighbours) => {
      for (const { peerId, name } of neighbours) names.set(peerId, name);
    },
  });
  host.handlers.get = (swarmId) => swarms.runner(swarmId);
  onTestFinished(() => swarms.stop());
  const saidOf: TestSwarms['saidOf'] = <T extends AgentMessage['type']>(type: T) =>
    said.filter((message): message is AgentMessageOf<T> => message.type === type);
  const self: TestSwarms = {
    ...{ host, swarms, said, send, names, saidOf },
    heard: async (type, count = 1) => {
      await until(`${count} × ${type}`, () => saidOf(type).length >= count);
      return saidOf(type);
    },
    facts: (blob, { hashes = blob.hashes, role = 'leecher' } = {}) => ({
      ...{ swarm: swarmIdFor(blob), digest: blob.digest, size: blob.size, pieceLength: blob.pieceLength },
      hashes: hashes.toString('base64'),
      ticket: ticketFor(host.identity, { swarm: swarmIdFor(blob), role }),
    }),
    joined: async (blob, answer = {}) => {
      const asked = saidOf('join').findLast(({ digest }) => digest === blob.digest);
      const request = answer.request ?? asked?.request ?? 0;
      if (request === 0) await host.store.open(blob); // what was said to be here is here
      const message: TrackerMessageOf<'joined'> = {
        ...{ type: 'joined', request, neighbours: answer.neighbours ?? [] },
        ...self.facts(blob, answer),
      };
      return swarms.joined(message);
    },
  };
  return self;
}

/** What a network would do: the pieces arrive, verified. */
export async function arrive({ swarms }: TestSwarms, blob: TestBlob, pieces?: Iterable<number>): Promise<void> {
  const runner = swarms.runner(swarmIdFor(blob));
  if (runner === undefined) throw new Error('not joined');
  for (const piece of pieces ?? Array.from({ length: blob.pieces }, (_, index) => index)) {
    await runner.blob.storePiece(piece, shared(blob, pieceOf(blob, piece)));
    runner.originPieceStored(piece, blob.hashes.subarray(piece * 32, piece * 32 + 32));
  }
}
