/**
 * Removes from the database what nobody will ask for any more: jobs that ended long ago with their hosts and documents,
 * old tags that a host had beyond its newest ones, piece hashes of blobs that no swarm wanted for long. In small steps:
 * the tracker answers between them.
 */
import type { Database } from './database.ts';

export interface RetentionNow {
  nowMs: number;
  /** What was last of use before goes. */
  beforeMs: number;
  /** Whether the swarm of a blob is open. */
  isRunning(digest: string): boolean;
}

export interface Removed {
  jobs: number;
  hostImages: number;
  blobs: number;
}

export interface Retention {
  /** One round; each step removes a little. */
  round(now: RetentionNow): Generator<void, Removed>;
}

interface JobRow {
  id: string;
  terms: string;
}

/** Of each repository on each host, however old. */
const KEPT_TAGS = 20;

export function createRetention(db: Database): Retention {
  const oldJobs = db.prepare<[number], JobRow>(
    "SELECT id, terms FROM jobs WHERE state <> 'running' AND finished_at < ?",
  );
  // It may have been taken up again since it was read; from here on it cannot be, as one that was cancelled.
  const close = db.prepare<[string, number]>(
    "UPDATE jobs SET state = 'cancelled' WHERE id = ? AND state <> 'running' AND finished_at < ?",
  );
  // Of ten thousand hosts at once it would be a fifth of a second in which nobody is answered.
  const removeHosts = db.prepare<[string]>(
    'DELETE FROM job_hosts WHERE rowid IN (SELECT rowid FROM job_hosts WHERE job_id = ? LIMIT 500)',
  );
  const removeJob = jobRemoval(db);
  const hosts = db.prepare<[number], string>('SELECT DISTINCT peer_id FROM host_images WHERE ready_at < ?').pluck();
  // Whether an engine still has them nobody tells: tags that live side by side must stay.
  const removeOlder = db.prepare<{ peerId: string; beforeMs: number }>(
    `DELETE FROM host_images WHERE peer_id = @peerId AND ready_at < @beforeMs AND ${KEPT_TAGS} <= (
       SELECT count(*) FROM host_images AS newer WHERE newer.peer_id = @peerId
         AND newer.repository = host_images.repository AND newer.ready_at > host_images.ready_at)`,
  );
  const oldBlobs = db.prepare<[number], string>('SELECT digest FROM blobs WHERE used_at < ?').pluck();
  const use = db.prepare('UPDATE blobs SET used_at = ? WHERE digest = ?');
  const removeBlob = db.prepare('DELETE FROM blobs WHERE digest = ?');
  return {
    *round({ nowMs, beforeMs, isRunning }) {
      const removed: Removed = { jobs: 0, hostImages: 0, blobs: 0 };
      for (const { id, terms } of oldJobs.all(beforeMs)) {
        if (isKept(terms, nowMs) || close.run(id, beforeMs).changes === 0) continue;
        while (removeHosts.run(id).changes > 0) yield;
        removeJob(id);
        removed.jobs++;
        yield;
      }
      for (const peerId of hosts.all(beforeMs)) {
        removed.hostImages += removeOlder.run({ peerId, beforeMs }).changes;
        yield;
      }
      for (const digest of oldBlobs.all(beforeMs)) {
        if (isRunning(digest)) {
          use.run(nowMs, digest);
          continue;
        }
        removed.blobs += removeBlob.run(digest).changes;
        yield;
      }
      return removed;
    },
  };
}

/** Its images are kept on hosts until a date to come: that order is still to be seen. */
function isKept(terms: string, nowMs: number): boolean {
  const { keepUntil } = JSON.parse(terms) as { keepUntil?: string };
  return keepUntil !== undefined && Date.parse(keepUntil) > nowMs;
}

/** With the documents that no other job names. A manifest that some host has by this name stays: forecasts read it. */
function jobRemoval(db: Database): (id: string) => void {
  const documents = db
    .prepare<{ id: string }, string>(
      `SELECT config FROM job_variants WHERE job_id = @id
       UNION SELECT manifest FROM job_variants JOIN job_images USING (job_id)
         WHERE job_id = @id AND job_images.position = job_variants.image AND NOT EXISTS (
           SELECT 1 FROM host_images WHERE host_images.reference = job_images.reference AND digest = manifest)`,
    )
    .pluck();
  const removeJob = db.prepare('DELETE FROM jobs WHERE id = ?');
  const removeDocument = db.prepare<{ digest: string }>(
    `DELETE FROM documents WHERE digest = @digest
       AND NOT EXISTS (SELECT 1 FROM job_variants WHERE manifest = @digest)
       AND NOT EXISTS (SELECT 1 FROM job_variants WHERE config = @digest)`,
  );
  return db.transaction((id: string) => {
    const named = documents.all({ id });
    removeJob.run(id);
    for (const digest of named) removeDocument.run({ digest });
  });
}
