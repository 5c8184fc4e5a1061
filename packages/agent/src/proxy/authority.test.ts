import { X509Certificate } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../store/store.testkit.ts';
import { type Authority, openAuthority } from './authority.ts';

const HARBOR = 'harbor.test';
const DAY_MS = 86_400_000;

/** The certificate a client gets that trusts this PEM only, or why it refuses. */
async function handshake(authority: Authority, host: string, ca = readFileSync(authority.certFile, 'utf8')) {
  const context = await authority.contextFor(host);
  const server = createServer({ SNICallback: (_name, done) => done(null, context) });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return new Promise<X509Certificate>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: host, ca }, () => {
      resolve(socket.getPeerX509Certificate() as X509Certificate);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe('the authority', () => {
  it('signs for a name, and who trusts its file believes it', async () => {
    const authority = await openAuthority(temporaryFolder());
    const certificate = await handshake(authority, HARBOR);
    expect([certificate.subjectAltName, certificate.ca]).toEqual([`DNS:${HARBOR}`, false]);
    const own = new X509Certificate(readFileSync(authority.certFile));
    expect([own.ca, certificate.checkIssued(own)]).toEqual([true, true]);
  });

  it('is one of its own: another agent’s is not believed', async () => {
    const [one, other] = [await openAuthority(temporaryFolder()), await openAuthority(temporaryFolder())];
    await expect(handshake(one, HARBOR, readFileSync(other.certFile, 'utf8'))).rejects.toThrow(/certificate/);
  });

  it('signs for an address as an address', async () => {
    const context = await openAuthority(temporaryFolder());
    await expect(context.contextFor('10.0.0.5')).resolves.toBeDefined();
  });

  it('is made once and survives a restart', async () => {
    const folder = temporaryFolder();
    const before = readFileSync((await openAuthority(folder)).certFile, 'utf8');
    const again = await openAuthority(folder);
    expect(readFileSync(again.certFile, 'utf8')).toBe(before);
    await expect(handshake(again, HARBOR, before)).resolves.toBeDefined();
  });

  it('whose certificate is lost makes one that the old one’s engines believe', async () => {
    const folder = temporaryFolder();
    const { certFile } = await openAuthority(folder);
    const before = readFileSync(certFile, 'utf8');
    rmSync(certFile);
    await expect(handshake(await openAuthority(folder), HARBOR, before)).resolves.toBeDefined();
  });

  it.each([
    ['another key', async (path: string) => writeFileSync(path, readFileSync(await keyOfAnother()))],
    ['no key', async (path: string) => writeFileSync(path, 'x')],
  ])('beside %s does not start, and says which files', async (_title, spoil) => {
    const folder = temporaryFolder();
    await openAuthority(folder);
    await spoil(join(folder, 'proxy-ca.key'));
    await expect(openAuthority(folder)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining('proxy-ca.key'),
    });
  });

  it.runIf(process.platform !== 'win32')('keeps its key from other accounts', async () => {
    const folder = temporaryFolder();
    await openAuthority(folder);
    expect(statSync(join(folder, 'proxy-ca.key')).mode & 0o077).toBe(0);
  });
});

describe('a certificate', () => {
  it('is made once a name and again long before it ends', async () => {
    const clock = { nowMs: Date.now() - 31 * DAY_MS };
    const authority = await openAuthority(temporaryFolder(), () => clock.nowMs);
    const first = authority.contextFor(HARBOR);
    expect(authority.contextFor(HARBOR)).toBe(first);
    expect(authority.contextFor('other.test')).not.toBe(first);
    clock.nowMs += 31 * DAY_MS;
    expect(authority.contextFor(HARBOR)).not.toBe(first);
    const { validTo } = await handshake(authority, HARBOR);
    expect(Date.parse(validTo)).toBeGreaterThan(clock.nowMs + 30 * DAY_MS);
  });
});

async function keyOfAnother(): Promise<string> {
  const folder = temporaryFolder();
  await openAuthority(folder);
  return join(folder, 'proxy-ca.key');
}
