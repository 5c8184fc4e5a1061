/** The certificates of the proxy's authority, as X.509 has them. Keeps none of them. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, type webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type * as X509 from '@peculiar/x509';

/** Both PEM. */
export interface KeyAndCertificate {
  key: string;
  cert: string;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 24 * 60 * 60 * 1000;
/** Operators put it into engines by hand: it is not to end behind their backs. */
const AUTHORITY_DAYS = 20 * 365;
const SERVER_DAYS = 90;

/** PKCS #8, PEM. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: EC.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Signed by its own key, whose fingerprint is in the name: several hosts' authorities must be told apart. */
export async function authorityCertificate(key: KeyObject, nowMs: number): Promise<string> {
  const x509 = await loadX509();
  const keys = { privateKey: await signingKeyOf(key), publicKey: await publicKeyOf(key) };
  const fingerprint = createHash('sha256').update(spkiOf(key)).digest('hex').slice(0, 8);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ name: `CN=Shoal proxy CA ${fingerprint}, O=Shoal`, keys, signingAlgorithm: SIGNING },
    ...validity(nowMs, AUTHORITY_DAYS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** For a server of this name or address, with a key of its own. */
export async function serverCertificate(
  host: string,
  authority: { key: KeyObject; pem: string },
  nowMs: number,
): Promise<KeyAndCertificate> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.pem);
  const key = generateKeyPairSync('ec', { namedCurve: EC.namedCurve }).privateKey;
  const certificate = await x509.X509CertificateGenerator.create({
    // The host stands in the extension only: a common name has room for 64 characters.
    ...{ subject: 'CN=Shoal proxy', issuer: issuer.subject, publicKey: await publicKeyOf(key) },
    ...{ signingKey: await signingKeyOf(authority.key), signingAlgorithm: SIGNING },
    ...validity(nowMs, SERVER_DAYS),
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }]),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: certificate.toString('pem') };
}

/** A day back: clocks of hosts differ. */
function validity(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - DAY_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

function signingKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  return globalThis.crypto.subtle.importKey('pkcs8', pkcs8, EC, false, ['sign']);
}

function publicKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  return globalThis.crypto.subtle.importKey('spki', spkiOf(key), EC, true, ['verify']);
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** 180 ms and 15 MB: not for every `shoal` command that imports this package. */
async function loadX509(): Promise<typeof X509> {
  await import('reflect-metadata'); // the library expects it and does not bring it
  return import('@peculiar/x509');
}
