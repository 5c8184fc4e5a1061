/**
 * The newest push of each tag for each rule it matches, and the order it led to: what is still to be ordered outlives
 * a restart, and a push that is told again is known again.
 */
import type { HookView } from '../client/api-schemas.ts';
import type { OrderFields } from '../harbor/push-rules.ts';
import type { Database } from './database.ts';

export interface Push {
  /** In full: `harbor.example.com/win/app:1`. */
  reference: string;
  /** The rule's `match`. */
  rule: string;
  /** As the event named it; empty when it named none. */
  digest: string;
  request: OrderFields;
  state: HookView['state'];
  /** Since the event. */
  attempts: number;
  receivedAtMs: number;
  /** Of the next attempt. */
  nextAtMs: number | null;
  updatedAtMs: number;
  /** What the tag was when it was ordered. */
  orderedDigest: string | null;
  jobId: string | null;
  error: string | null;
}

export interface PushStore {
  save(push: Push): void;
  get(reference: string, rule: string): Push | undefined;
  waiting(): Push[];
  /** Newest first. */
  latest(count: number): Push[];
}

type Row = Omit<Push, 'request'> & { request: string };

const KEEP_MS = 90 * 24 * 3_600_000;

export function createPushStore(db: Database): PushStore {
  const columns = `reference, rule, digest, request, state, attempts, received_at AS receivedAtMs,
    next_at AS nextAtMs, updated_at AS updatedAtMs, ordered_digest AS orderedDigest, job_id AS jobId, error`;
  const save = db.prepare<Row>(
    `INSERT OR REPLACE INTO pushes (reference, rule, digest, request, state, attempts, received_at, next_at,
       updated_at, ordered_digest, job_id, error)
     VALUES (@reference, @rule, @digest, @request, @state, @attempts, @receivedAtMs, @nextAtMs,
       @updatedAtMs, @orderedDigest, @jobId, @error)`,
  );
  const byKey = db.prepare<[string, string], Row>(`SELECT ${columns} FROM pushes WHERE reference = ? AND rule = ?`);
  const waiting = db.prepare<[], Row>(`SELECT ${columns} FROM pushes WHERE state = 'waiting' ORDER BY received_at`);
  const latest = db.prepare<[number], Row>(`SELECT ${columns} FROM pushes ORDER BY updated_at DESC LIMIT ?`);
  const prune = db.prepare("DELETE FROM pushes WHERE updated_at < ? AND state <> 'waiting'");
  return {
    save: db.transaction((push: Push) => {
      if (push.state !== 'waiting') prune.run(push.updatedAtMs - KEEP_MS);
      save.run({ ...push, request: JSON.stringify(push.request) });
    }),
    get: (reference, rule) => byKey.all(reference, rule).map(fromRow)[0],
    waiting: () => waiting.all().map(fromRow),
    latest: (count) => latest.all(count).map(fromRow),
  };
}

function fromRow(row: Row): Push {
  return { ...row, request: JSON.parse(row.request) };
}
