/**
 * The tables, as steps that are applied in order and never changed once released.
 * Times are milliseconds since the epoch; labels, platforms and reports are JSON.
 */

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('admin', 'reader', 'agent', 'seeder')),
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE agents (
    peer_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('agent', 'seeder')),
    last_seen_at INTEGER NOT NULL,
    facts TEXT NOT NULL
  ) STRICT;

  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    piece_length INTEGER NOT NULL,
    hashes BLOB NOT NULL
  ) STRICT;

  CREATE TABLE documents (digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;

  CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    class TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    origin_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX jobs_by_age ON jobs (created_at);

  CREATE TABLE job_images (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    reference TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    PRIMARY KEY (job_id, position)
  ) STRICT;

  CREATE TABLE job_variants (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    image INTEGER NOT NULL,
    position INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    manifest TEXT NOT NULL REFERENCES documents (digest),
    config TEXT NOT NULL REFERENCES documents (digest),
    PRIMARY KEY (job_id, image, position)
  ) STRICT;

  CREATE TABLE job_hosts (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    peer_id TEXT NOT NULL,
    name TEXT NOT NULL,
    variants TEXT NOT NULL,
    state TEXT NOT NULL,
    reports TEXT NOT NULL,
    error TEXT,
    PRIMARY KEY (job_id, peer_id)
  ) STRICT;
  `,
  // Foreign clients. A passkey outlives its blob's torrent: it may come again.
  `
  CREATE TABLE torrents (
    digest TEXT PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
    sha1 BLOB NOT NULL,
    info_hash TEXT NOT NULL
  ) STRICT;

  CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    host TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  `,
  // Every bandwidth policy ever applied. Numbers are never used twice.
  `
  CREATE TABLE policies (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    applied_by TEXT NOT NULL
  ) STRICT;
  `,
  // Which part of a shared cap each host may use without the tracker. `zone` is empty for caps of the whole fleet.
  `
  CREATE TABLE offline_parts (
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    zone TEXT NOT NULL,
    peer_id TEXT NOT NULL,
    run TEXT NOT NULL,
    part REAL NOT NULL,
    PRIMARY KEY (rule, key, zone, peer_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX offline_parts_by_peer ON offline_parts (peer_id);
  `,
  // Orders with terms: when, by when, in waves. `summary` is an ended job's as lists show it, so that they read no hosts.
  `
  ALTER TABLE jobs ADD COLUMN paused TEXT;
  ALTER TABLE jobs ADD COLUMN begun INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE jobs ADD COLUMN waves INTEGER NOT NULL DEFAULT 1;
  ALTER TABLE jobs ADD COLUMN selectors TEXT;
  ALTER TABLE jobs ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE jobs ADD COLUMN forecast TEXT;
  ALTER TABLE jobs ADD COLUMN summary TEXT;
  ALTER TABLE job_images ADD COLUMN root TEXT NOT NULL DEFAULT '';
  ALTER TABLE job_images ADD COLUMN choices TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE job_hosts ADD COLUMN wave INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE host_images (
    peer_id TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    digest TEXT NOT NULL,
    os_version TEXT,
    ready_at INTEGER NOT NULL,
    PRIMARY KEY (peer_id, reference)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX host_images_by_reference ON host_images (reference);
  CREATE INDEX host_images_by_repository ON host_images (repository);
  `,
  // What Harbor ordered as a preheat: the integer it polls for, and what became of it. Numbers are never used twice.
  // And the newest push of each tag a rule is for, with the order it led to.
  `
  CREATE TABLE preheats (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_key TEXT NOT NULL,
    url TEXT NOT NULL,
    clusters TEXT NOT NULL,
    job_id TEXT,
    blobs TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'SUCCESS', 'FAILURE')),
    error TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX preheats_by_order ON preheats (order_key, id);

  CREATE TABLE pushes (
    reference TEXT NOT NULL,
    rule TEXT NOT NULL,
    digest TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'ordered', 'failed')),
    attempts INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    next_at INTEGER,
    updated_at INTEGER NOT NULL,
    ordered_digest TEXT,
    job_id TEXT,
    error TEXT,
    PRIMARY KEY (reference, rule)
  ) STRICT, WITHOUT ROWID;
  `,
  // Tokens of people who signed in at an identity provider end by themselves. What is long over is removed: blobs say when
  // they were last of use, and whose documents are whose is found without reading all jobs.
  `
  ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
  ALTER TABLE blobs ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
  UPDATE blobs SET used_at = 1000 * strftime('%s', 'now');
  CREATE INDEX job_variants_by_manifest ON job_variants (manifest);
  CREATE INDEX job_variants_by_config ON job_variants (config);
  `,
];
