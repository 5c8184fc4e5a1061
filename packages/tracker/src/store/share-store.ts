/** The offline parts of shared caps that hosts may be using although this tracker has not heard of them for long. */
import type { Database } from './database.ts';

export interface OfflinePartRecord {
  rule: string;
  key: string;
  /** Empty for a cap of the whole fleet. */
  zone: string;
  peerId: string;
  /** The process of the agent that holds it. */
  run: string;
  part: number;
}

export interface ShareStore {
  list(): OfflinePartRecord[];
  /** All or none. On the disk when it returns. */
  save(records: readonly OfflinePartRecord[]): void;
  remove(peerId: string): void;
}

export function createShareStore(db: Database): ShareStore {
  const all = db.prepare<[], OfflinePartRecord>(
    'SELECT rule, key, zone, peer_id AS peerId, run, part FROM offline_parts ORDER BY rule, key, zone, peer_id',
  );
  const upsert = db.prepare<OfflinePartRecord>(
    `INSERT INTO offline_parts (rule, key, zone, peer_id, run, part) VALUES (@rule, @key, @zone, @peerId, @run, @part)
     ON CONFLICT DO UPDATE SET run = excluded.run, part = excluded.part`,
  );
  const remove = db.prepare('DELETE FROM offline_parts WHERE peer_id = ?');
  const saveAll = db.transaction((records: readonly OfflinePartRecord[]) => {
    for (const record of records) upsert.run(record);
  });
  return {
    list: () => all.all(),
    save(records) {
      // A host may use its part as soon as it hears of it: a power cut must not forget it. The rest of the database
      // is content with less.
      db.pragma('synchronous = FULL');
      try {
        saveAll.immediate(records);
      } finally {
        db.pragma('synchronous = NORMAL');
      }
    },
    remove: (peerId) => void remove.run(peerId),
  };
}
