/**
 * Jobs with everything a restarted tracker needs to go on: resolved images, their bytes, each host's state.
 * Progress between two states of a host is not kept; it comes back with the next report.
 */
import { parseManifest } from '@shoal/oci';
import type { JobHostState, JobSummary } from '../client/job-schemas.ts';
import type { JobClass } from '../client/shapes.ts';
import type { Job, JobHost } from '../jobs/job.ts';
import { type ImageVariant, imageBytesOf, type ResolvedImage } from '../resolve/resolve-images.ts';
import type { Database } from './database.ts';

export interface JobStore {
  insert(job: Job): void;
  saveState(job: Job): void;
  /** What lists show of a job that has ended. */
  saveSummary(summary: JobSummary): void;
  saveHost(jobId: string, host: JobHost): void;
  /** A host that came later, with what its platform added to the job's images. */
  addHost(job: Job, host: JobHost): void;
  removeHost(jobId: string, peerId: string): void;
  get(id: string): Job | undefined;
  open(): Job[];
  /** Newest first: ids, and of what has ended the summary. */
  latest(count: number): { id: string; summary: JobSummary | undefined }[];
  /** A manifest or image config of any job, by digest. */
  document(digest: string): Buffer | undefined;
}

interface JobRow {
  id: string;
  class: JobClass;
  state: NonNullable<Job['ended']> | 'running';
  paused: string | null;
  begun: number;
  waves: number;
  selectors: string | null;
  terms: string;
  forecast: string | null;
  createdAtMs: number;
  finishedAtMs: number | null;
  originBytes: number;
}

export function createJobStore(db: Database): JobStore {
  const columns = `id, class, state, paused, begun, waves, selectors, terms, forecast, created_at AS createdAtMs,
    finished_at AS finishedAtMs, origin_bytes AS originBytes`;
  const byId = db.prepare<[string], JobRow>(`SELECT ${columns} FROM jobs WHERE id = ?`);
  const open = db.prepare<[], JobRow>(`SELECT ${columns} FROM jobs WHERE state = 'running' ORDER BY created_at`);
  const latest = db.prepare<[number], { id: string; state: string; summary: string | null }>(
    'SELECT id, state, summary FROM jobs ORDER BY created_at DESC, rowid DESC LIMIT ?',
  );
  const update = db.prepare(
    `UPDATE jobs SET state = @state, paused = @paused, begun = @begun, waves = @waves, finished_at = @finishedAtMs,
       origin_bytes = @originBytes WHERE id = @id`,
  );
  const summarise = db.prepare('UPDATE jobs SET summary = ? WHERE id = ?');
  const document = db.prepare<[string], { bytes: Buffer }>('SELECT bytes FROM documents WHERE digest = ?');
  const insert = jobInsert(db);
  const load = jobLoader(db);
  const hosts = hostRows(db);
  const removeHost = db.prepare('DELETE FROM job_hosts WHERE job_id = ? AND peer_id = ?');
  return {
    insert: db.transaction((job: Job) => {
      insert.job(job);
      insert.images(job);
      for (const host of job.hosts.values()) hosts.save(job.id, host);
    }),
    saveState: (job) => void update.run(rowOf(job)),
    saveSummary: (summary) => void summarise.run(JSON.stringify(summary), summary.id),
    saveHost: hosts.save,
    addHost: db.transaction((job: Job, host: JobHost) => {
      insert.images(job);
      hosts.save(job.id, host);
    }),
    removeHost: (jobId, peerId) => void removeHost.run(jobId, peerId),
    get: (id) => byId.all(id).map((row) => load(row, hosts.of(row.id)))[0],
    open: () => open.all().map((row) => load(row, hosts.of(row.id))),
    latest: (count) =>
      latest.all(count).map(({ id, state, summary }) => ({
        id,
        summary: summary === null || state === 'running' ? undefined : JSON.parse(summary),
      })),
    document: (digest) => document.get(digest)?.bytes,
  };
}

function rowOf(job: Job): JobRow {
  const { id, class: jobClass, ended, paused, begun, waves, selectors, terms, forecast } = job;
  return {
    ...{ id, class: jobClass, state: ended ?? 'running', paused: paused ?? null, begun: begun ? 1 : 0, waves },
    selectors: selectors ? JSON.stringify(selectors) : null,
    terms: JSON.stringify(terms),
    forecast: forecast ?? null,
    createdAtMs: job.createdAtMs,
    finishedAtMs: job.finishedAtMs ?? null,
    originBytes: job.originBytes,
  };
}

/** Images may be written again: platforms of later hosts add variants and choices. */
function jobInsert(db: Database): { job(job: Job): void; images(job: Job): void } {
  const job = db.prepare<JobRow>(
    `INSERT INTO jobs (id, class, state, paused, begun, waves, selectors, terms, forecast, created_at, finished_at,
       origin_bytes)
     VALUES (@id, @class, @state, @paused, @begun, @waves, @selectors, @terms, @forecast, @createdAtMs, @finishedAtMs,
       @originBytes)`,
  );
  const image = db.prepare(
    `INSERT INTO job_images (job_id, position, reference, registry, repository, root, choices)
     VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (job_id, position) DO UPDATE SET root = excluded.root, choices = excluded.choices`,
  );
  const variant = db.prepare(
    `INSERT INTO job_variants (job_id, image, position, media_type, manifest, config) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );
  const document = db.prepare('INSERT INTO documents (digest, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING');
  return {
    job: (made) => void job.run(rowOf(made)),
    images({ id, images }) {
      images.forEach(({ reference, registry, repository, root, choices, variants }, at) => {
        image.run(id, at, reference, registry, repository, root, JSON.stringify(choices));
        variants.forEach(({ manifest, config }, position) => {
          document.run(manifest.digest, manifest.bytes);
          document.run(config.digest, config.bytes);
          variant.run(id, at, position, manifest.mediaType, manifest.digest, config.digest);
        });
      });
    },
  };
}

interface ImageRow {
  position: number;
  reference: string;
  registry: string;
  repository: string;
  root: string;
  choices: string;
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
    `SELECT position, reference, registry, repository, root, choices
     FROM job_images WHERE job_id = ? ORDER BY position`,
  );
  const variants = db.prepare<[string, number], VariantRow>(
    `SELECT media_type AS mediaType, manifest, m.bytes AS manifestBytes, config, c.bytes AS configBytes
     FROM job_variants JOIN documents m ON m.digest = manifest JOIN documents c ON c.digest = config
     WHERE job_id = ? AND image = ? ORDER BY position`,
  );
  const imageOf = (jobId: string, { position, choices, ...image }: ImageRow): ResolvedImage => ({
    ...image,
    choices: JSON.parse(choices),
    variants: variants.all(jobId, position).map(variantOf),
  });
  return ({ state, ...row }, hosts) => ({
    ...row,
    ended: state === 'running' ? undefined : state,
    paused: row.paused ?? undefined,
    begun: row.begun === 1,
    selectors: row.selectors === null ? undefined : JSON.parse(row.selectors),
    terms: JSON.parse(row.terms),
    forecast: row.forecast ?? undefined,
    finishedAtMs: row.finishedAtMs ?? undefined,
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
  wave: number;
  variants: string;
  reports: string;
  error: string | null;
}

function hostRows(db: Database): { of(jobId: string): JobHost[]; save(jobId: string, host: JobHost): void } {
  const select = db.prepare<[string], HostRow>(
    `SELECT peer_id AS peerId, name, state, wave, variants, reports, error
     FROM job_hosts WHERE job_id = ? ORDER BY name, peer_id`,
  );
  const upsert = db.prepare<HostRow & { jobId: string }>(
    `INSERT INTO job_hosts (job_id, peer_id, name, state, wave, variants, reports, error)
     VALUES (@jobId, @peerId, @name, @state, @wave, @variants, @reports, @error)
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
    save: (jobId, { peerId, name, state, wave, variants, reports, error }) =>
      void upsert.run({
        jobId,
        peerId,
        name,
        state,
        wave,
        variants: JSON.stringify(variants),
        reports: JSON.stringify(reports),
        error: error ? JSON.stringify(error) : null,
      }),
  };
}
