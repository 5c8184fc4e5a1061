/** Who this agent is: an Ed25519 key in its data folder, made at the first start. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportRawPublicKey, peerIdOfKey } from '@shoal/wire';
import { toStoreError } from './errors.ts';

export interface Identity {
  /** 40 hex digits, from the public key. */
  peerId: string;
  privateKey: KeyObject;
  publicKeyRaw: Buffer;
}

export async function loadIdentity(dataDir: string): Promise<Identity> {
  const path = join(dataDir, 'identity.pem');
  try {
    await mkdir(dataDir, { recursive: true });
    const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return createKeyFile(path);
    });
    const privateKey = createPrivateKey(pem);
    const publicKeyRaw = exportRawPublicKey(privateKey);
    return { peerId: peerIdOfKey(publicKeyRaw), privateKey, publicKeyRaw };
  } catch (error) {
    throw toStoreError(error, path);
  }
}

/** `wx`: two agents started at once on one folder must not end with different keys. */
async function createKeyFile(path: string): Promise<string> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(path, pem, { mode: 0o600, flag: 'wx' });
  return pem;
}
