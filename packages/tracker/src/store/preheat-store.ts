/**
 * What Harbor ordered as a preheat, by the integer it polls for: that number outlives a restart of the tracker.
 * How a job of Shoal stands is the job's own; kept here is the state of what has no job, as nothing goes to hosts.
 */
import type { AheadBlob } from '../swarms/ahead.ts';
import type { Database } from './database.ts';

export type PreheatState = 'PENDING' | 'SUCCESS' | 'FAILURE';

export interface Preheat {
  id: number;
  /** Image, digest and hosts: the same order has the same. */
  orderKey: string;
  /** Of the manifest, as Harbor named it. */
  url: string;
  clusters: number[];
  /** Null: seeders only. */
  jobId: string | null;
  /** For seeders only: what they read. */
  blobs: AheadBlob[];
  state: PreheatState;
  error: string;
  createdAtMs: number;
  updatedAtMs: number;
}

export interface PreheatStore {
  insert(preheat: Omit<Preheat, 'id'>): Preheat;
  get(id: number): Preheat | undefined;
  /** The newest one with this order. */
  latest(orderKey: string): Preheat | undefined;
  /** Of those without a job. */
  pending(): Preheat[];
  end(id: number, as: { state: PreheatState; error: string; nowMs: number }): void;
}

type Row = Omit<Preheat, 'clusters' | 'blobs'> & { clusters: string; blobs: string };

/** Nobody polls for one so old. */
const KEEP_MS = 30 * 24 * 3_600_000;

export function createPreheatStore(db: Database): PreheatStore {
  const columns = `id, order_key AS orderKey, url, clusters, job_id AS jobId, blobs, state, error,
    created_at AS createdAtMs, updated_at AS updatedAtMs`;
  const insert = db.prepare<Omit<Row, 'id'>>(
    `INSERT INTO preheats (order_key, url, clusters, job_id, blobs, state, error, created_at, updated_at)
     VALUES (@orderKey, @url, @clusters, @jobId, @blobs, @state, @error, @createdAtMs, @updatedAtMs)`,
  );
  const byId = db.prepare<[number], Row>(`SELECT ${columns} FROM preheats WHERE id = ?`);
  const latest = db.prepare<[string], Row>(
    `SELECT ${columns} FROM preheats WHERE order_key = ? ORDER BY id DESC LIMIT 1`,
  );
  const pending = db.prepare<[], Row>(
    `SELECT ${columns} FROM preheats WHERE state = 'PENDING' AND job_id IS NULL ORDER BY id`,
  );
  const end = db.prepare('UPDATE preheats SET state = ?, error = ?, updated_at = ? WHERE id = ?');
  const prune = db.prepare('DELETE FROM preheats WHERE updated_at < ?');
  return {
    insert: db.transaction((preheat: Omit<Preheat, 'id'>): Preheat => {
      prune.run(preheat.createdAtMs - KEEP_MS);
      const row = { ...preheat, clusters: JSON.stringify(preheat.clusters), blobs: JSON.stringify(preheat.blobs) };
      return { ...preheat, id: Number(insert.run(row).lastInsertRowid) };
    }),
    get: (id) => byId.all(id).map(fromRow)[0],
    latest: (orderKey) => latest.all(orderKey).map(fromRow)[0],
    pending: () => pending.all().map(fromRow),
    end: (id, { state, error, nowMs }) => void end.run(state, error, nowMs, id),
  };
}

function fromRow(row: Row): Preheat {
  return { ...row, clusters: JSON.parse(row.clusters), blobs: JSON.parse(row.blobs) };
}
