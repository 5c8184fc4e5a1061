/**
 * The pool of hashing workers of one agent: SHA-256 and disk writes happen there, off the main
 * thread. Decides which worker takes a task (the one with least to do), and that there are none while there is no work.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { DigestAlgorithm } from '@shoal/oci';
import { AgentError } from '../errors.ts';

export type PieceTask =
  /** Hash the first `length` bytes of `memory`; write them unless they differ from `expected`. */
  | { kind: 'store'; memory: SharedArrayBuffer; length: number; fd: number; position: number; expected?: string }
  /** Hash `length` bytes on disk; SHA-1 is what a torrent for foreign clients has. */
  | { kind: 'check'; fd: number; position: number; length: number; algorithm: 'sha256' | 'sha1' }
  /** Hash the next bytes of a whole blob, from 0 on; the result of the `last` step is its digest. */
  | { kind: 'digest'; fd: number; position: number; length: number; algorithm: DigestAlgorithm; last: boolean };

export type PieceTaskResult = { id: number; hash: string } | { id: number; error: { code: string; message: string } };

export interface PieceWorkers {
  /** The piece's SHA-256 in hex. Rejects with the system's error (`code`) when the disk fails. */
  run(task: PieceTask): Promise<string>;
  /** There will be work soon: a worker takes some 40 ms to start. */
  wake(): void;
  stop(): Promise<void>;
}

interface Lane {
  worker: Worker;
  waiting: Map<number, { resolve(hash: string): void; reject(error: Error): void }>;
}

/** A worker is 6 MB that a host without work has better use for. */
const REST_MS = 60_000;

/** By package name: found in dist whether this file runs compiled or from source in a test. */
const WORKER_FILE = createRequire(import.meta.url).resolve('@shoal/agent/piece-worker');

export function startPieceWorkers(count: number): PieceWorkers {
  const lanes: Lane[] = [];
  /** The hash state of a blob's digest is in the first lane. */
  let isInDigest = false;
  let nextId = 0;
  let stopped = false;
  const wake = (): void => {
    while (!stopped && lanes.length < count) lanes.push(startLane());
    resting.refresh();
  };
  const rest = (): void => {
    if (isInDigest || lanes.some(({ waiting }) => waiting.size > 0)) return void resting.refresh();
    for (const { worker } of lanes.splice(0)) void worker.terminate();
  };
  const resting = setTimeout(rest, REST_MS).unref();
  return {
    wake,
    run(task) {
      if (stopped) return Promise.reject(new AgentError('ABORTED', 'the agent is stopping'));
      wake();
      // A digest goes on where its hash state is; everything else to the worker with least to do.
      const [first] = lanes;
      const lane =
        task.kind === 'digest'
          ? first
          : lanes.reduce((least, other) => (other.waiting.size < least.waiting.size ? other : least));
      if (task.kind === 'digest') isInDigest = !task.last;
      const id = nextId++;
      return new Promise((resolve, reject) => {
        lane?.waiting.set(id, { resolve, reject });
        lane?.worker.postMessage({ id, task });
      });
    },
    async stop() {
      stopped = true;
      await Promise.all(lanes.map(({ worker }) => worker.terminate()));
      for (const { waiting } of lanes)
        for (const { reject } of waiting.values()) reject(new AgentError('ABORTED', 'the agent is stopping'));
    },
  };
}

function startLane(): Lane {
  const lane: Lane = { worker: new Worker(WORKER_FILE), waiting: new Map() };
  lane.worker.unref();
  lane.worker.on('message', (result: PieceTaskResult) => {
    const waiter = lane.waiting.get(result.id);
    lane.waiting.delete(result.id);
    if ('hash' in result) waiter?.resolve(result.hash);
    else waiter?.reject(Object.assign(new Error(result.error.message), { code: result.error.code }));
  });
  return lane;
}
