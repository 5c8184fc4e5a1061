/**
 * The tracker's own secrets, made at its first start and kept for good:
 * the Ed25519 key that signs tickets and the secret that swarm ids are derived from.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { Database } from './database.ts';

export interface TrackerSecrets {
  privateKey: KeyObject;
  publicKey: KeyObject;
  swarmSecret: Buffer;
}

export function loadSecrets(db: Database): TrackerSecrets {
  const privateKey = createPrivateKey({
    key: setting(db, 'ed25519-key', newPrivateKey),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    privateKey,
    publicKey: createPublicKey(privateKey),
    swarmSecret: setting(db, 'swarm-secret', () => randomBytes(32)),
  };
}

function setting(db: Database, key: string, make: () => Buffer): Buffer {
  // Whoever comes first decides, also between two processes.
  db.prepare('INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING').run(key, make());
  const row = db.prepare<[string], { value: Buffer }>('SELECT value FROM settings WHERE key = ?').get(key);
  return row?.value as Buffer;
}

function newPrivateKey(): Buffer {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
}
