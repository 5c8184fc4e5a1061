/**
 * Jobs with everything a restarted tracker needs to go on: resolved images, their bytes, each host's state.
 * Progress between two states of a host is not kept; it comes back with the next report.
 */
import { parseManifest } from '@shoal/oci';
import type { JobHostState, JobState } from '../client/api-schemas.ts';
import type { JobClass } from '../client/shapes.ts';
import type { Job, JobHost } from '../jobs/job.ts';
import { type ImageVariant, imageBytesOf, type ResolvedImage } from '../resolve/resolve-images.ts';
import type { Database } from './database.ts';

export interface JobStore {
  insert(job: Job): void;
  saveState(job: Job): void;
  saveHost(jobId: string, host: JobHost): void;
  removeHost(jobId: string, peerId: string): void;
  get(id: string): Job | undefined;
  running(): Job[];
  /** Newest first. */
  latest(count: number): Job[];
  /** A manifest or image config of any job, by digest. */
  document(digest: string): Buffer | undefined;
}

interface JobRow {
  id: string;
  class: JobClass;
  state: JobState;
  createdAtMs: number;
  finishedAtMs: number | null;
  originBytes: number;
}

export function createJobStore(db: Database): JobStore {
  const columns = `id, class, state, created_at AS createdAtMs, finished_at AS finishedAtMs,
    origin_bytes AS originBytes`;
  const byId = db.prepare<[string], JobRow>(`SELECT ${columns} FROM jobs WHERE id = ?`);
  const running = db.prepare<[], JobRow>(`SELECT ${columns} FROM jobs WHERE state = 'running' ORDER BY created_at`);
  const latest = db.prepare<[number], JobRow>(
    `SELECT ${columns} FROM jobs ORDER BY created_at DESC, rowid DESC LIMIT ?`,
  );
  const update = db.prepare('UPDATE jobs SET state = ?, finished_at = ?, origin_bytes = ? WHERE id = ?');
  const document = db.prepare<[string], { bytes: Buffer }>('SELECT bytes FROM documents WHERE digest = ?');
  const insert = jobInsert(db);
  const load = jobLoader(db);
  const hosts = hostRows(db);
  const removeHost = db.prepare('DELETE FROM job_hosts WHERE job_id = ? AND peer_id = ?');
  return {
    insert: db.transaction((job: Job) => {
      insert(job);
      for (const host of job.hosts.values()) hosts.save(job.id, host);
    }),
    saveState: (job) => void update.run(job.state, job.finishedAtMs ?? null, job.originBytes, job.id),
    saveHost: hosts.save,
    removeHost: (jobId, peerId) => void removeHost.run(jobId, peerId),
    get: (id) => byId.all(id).map((row) => load(row, hosts.of(row.id)))[0],
    running: () => running.all().map((row) => load(row, hosts.of(row.id))),
    latest: (count) => latest.all(count).map((row) => load(row, hosts.of(row.id))),
    document: (digest) => document.get(digest)?.bytes,
  };
}

function jobInsert(db: Database): (job: Job) => void {
  const job = db.prepare(
    'INSERT INTO jobs (id, class, state, created_at, finished_at, origin_bytes) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const image = db.prepare(
    'INSERT INTO job_images (job_id, position, reference, registry, repository) VALUES (?, ?, ?, ?, ?)',
  );
  const variant = db.prepare(
    'INSERT INTO job_variants (job_id, image, position, media_type, manifest, config) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const document = db.prepare('INSERT INTO documents (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING');
  return (made) => {
    const { id, state, createdAtMs, finishedAtMs, originBytes } = made;
    job.run(id, made.class, state, createdAtMs, finishedAtMs ?? null, originBytes);
    made.images.forEach(({ reference, registry, repository, variants }, at) => {
      image.run(id, at, reference, registry, repository);
      variants.forEach(({ manifest, config }, position) => {
        document.run(manifest.digest, manifest.bytes);
        document.run(config.digest, config.bytes);
        variant.run(id, at, position, manifest.mediaType, manifest.digest, config.digest);
      });
    });
  };
}

interface ImageRow {
  position: number;
  reference: string;
  registry: string;
  repository: string;
}

interface VariantRow {
  mediaType: string;
  manifest: string;
  manifestBytes: Buffer;
  config: string;
  configBytes: Buffer;
}

function jobLoader(db: Database): (row: JobRow, hosts: JobHost[]) => Job {
  const images = db.prepare<[string], ImageRow>(
    'SELECT position, reference, registry, repository FROM job_images WHERE job_id = ? ORDER BY position',
  );
  const variants = db.prepare<[string, number], VariantRow>(
    `SELECT media_type AS mediaType, manifest, m.bytes AS manifestBytes, config, c.bytes AS configBytes
     FROM job_variants JOIN documents m ON m.digest = manifest JOIN documents c ON c.digest = config
     WHERE job_id = ? AND image = ? ORDER BY position`,
  );
  const imageOf = (jobId: string, { position, ...image }: ImageRow): ResolvedImage => ({
    ...image,
    variants: variants.all(jobId, position).map(variantOf),
  });
  return ({ finishedAtMs, ...row }, hosts) => ({
    ...row,
    finishedAtMs: finishedAtMs ?? undefined,
    images: images.all(row.id).map((image) => imageOf(row.id, image)),
    hosts: new Map(hosts.map((host) => [host.peerId, host])),
  });
}

function variantOf(row: VariantRow): ImageVariant {
  const document = parseManifest(row.manifestBytes, row.mediaType);
  const layers = document.kind === 'manifest' ? document.layers : [];
  return {
    manifest: { digest: row.manifest, mediaType: row.mediaType, bytes: row.manifestBytes },
    config: { digest: row.config, bytes: row.configBytes },
    layers,
    imageBytes: imageBytesOf(layers, row.configBytes.length),
  };
}

interface HostRow {
  peerId: string;
  name: string;
  state: JobHostState;
  variants: string;
  reports: string;
  error: string | null;
}

function hostRows(db: Database): { of(jobId: string): JobHost[]; save(jobId: string, host: JobHost): void } {
  const select = db.prepare<[string], HostRow>(
    `SELECT peer_id AS peerId, name, state, variants, reports, error
     FROM job_hosts WHERE job_id = ? ORDER BY name, peer_id`,
  );
  const upsert = db.prepare<HostRow & { jobId: string }>(
    `INSERT INTO job_hosts (job_id, peer_id, name, state, variants, reports, error)
     VALUES (@jobId, @peerId, @name, @state, @variants, @reports, @error)
     ON CONFLICT (job_id, peer_id) DO UPDATE SET state = excluded.state, reports = excluded.reports,
       error = excluded.error`,
  );
  return {
    of: (jobId) =>
      select.all(jobId).map((row) => ({
        ...row,
        variants: JSON.parse(row.variants),
        reports: JSON.parse(row.reports),
        error: row.error === null ? undefined : JSON.parse(row.error),
      })),
    save: (jobId, { peerId, name, state, variants, reports, error }) =>
      void upsert.run({
        jobId,
        peerId,
        name,
        state,
        variants: JSON.stringify(variants),
        reports: JSON.stringify(reports),
        error: error ? JSON.stringify(error) : null,
      }),
  };
}
