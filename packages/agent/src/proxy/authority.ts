/**
 * The agent's own certificate authority: what an engine on this host must trust before the proxy may speak in a
 * registry's name. Key and certificate lie in the data folder. Does not decide for which names it signs.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { AgentError, toStoreError } from '../errors.ts';
import { authorityCertificate, newKey, serverCertificate } from './certificates.ts';

export interface Authority {
  /** PEM of the certificate, for an engine's `certs.d/<registry>/ca.crt`. */
  readonly certFile: string;
  /** Key and certificate of a server of this name or address, made when it is first asked for. */
  contextFor(host: string): Promise<SecureContext>;
}

const KEY_FILE = 'proxy-ca.key';
const CERT_FILE = 'proxy-ca.crt';
const RENEWAL_MS = 30 * 24 * 60 * 60 * 1000;

/** Throws AgentError STORE_FAILED, DISK_FULL, INVALID_OPTIONS (the two files do not belong together). */
export async function openAuthority(dataDir: string, nowMs: () => number = Date.now): Promise<Authority> {
  const [keyFile, certFile] = [join(dataDir, KEY_FILE), join(dataDir, CERT_FILE)];
  const key = await fileOf(keyFile, async () => newKey(), 0o600).then((pem) => keyOf(pem, keyFile));
  // From the key alone: lost, it is made again, and what engines trust already stays right.
  const pem = await fileOf(certFile, () => authorityCertificate(key, nowMs()), 0o644);
  if (!belongs(pem, key)) {
    const remedy = 'remove both, start again, and give engines the new certificate';
    throw new AgentError('INVALID_OPTIONS', `${certFile} is not the certificate of ${keyFile}; ${remedy}`);
  }
  const leaves = new Map<string, { context: Promise<SecureContext>; renewAtMs: number }>();
  return {
    certFile,
    contextFor(host) {
      const known = leaves.get(host);
      if (known !== undefined && nowMs() < known.renewAtMs) return known.context;
      const context = serverCertificate(host, { key, pem }, nowMs()).then(createSecureContext);
      leaves.set(host, { context, renewAtMs: nowMs() + RENEWAL_MS });
      context.catch(() => leaves.delete(host));
      return context;
    },
  };
}

/** `wx`: a second agent started at once on one folder must not end with another key than the file's. */
async function fileOf(path: string, make: () => Promise<string>, mode: number): Promise<string> {
  try {
    return await readFile(path, 'utf8').catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      const made = await make();
      await writeFile(path, made, { mode, flag: 'wx' });
      return made;
    });
  } catch (error) {
    throw toStoreError(error, path);
  }
}

function keyOf(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new AgentError('INVALID_OPTIONS', `${file} holds no private key; restore it or remove it`, { cause });
  }
}

function belongs(pem: string, key: KeyObject): boolean {
  try {
    return new X509Certificate(pem).checkPrivateKey(key);
  } catch {
    return false;
  }
}
