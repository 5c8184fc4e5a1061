import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseReference } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileIn, temporaryFolder } from '../cli.testkit.ts';
import { createOpenSource, createRegistryOf, readSecretFile } from './sources.ts';

/** A registry that says what login it was shown and then knows no image. */
async function startRegistry() {
  const logins: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    logins.push(request.headers.authorization);
    const status = request.headers.authorization === undefined ? 401 : 404;
    response.writeHead(status, { 'www-authenticate': 'Basic realm="test"' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, logins };
}

describe('the source of a registry', () => {
  it.each(['file', 'env'])('logs in with the password of the %s', async (place) => {
    const { url, logins } = await startRegistry();
    const passwordFile = fileIn(temporaryFolder(), 'password', 'geheim\n');
    const env = { SHOAL_REGISTRY_PASSWORD_HARBOR_TEST_8443: 'geheim' };
    const entry = { host: 'harbor.test:8443', url, username: 'robot', ...(place === 'file' ? { passwordFile } : {}) };
    const open = createOpenSource([entry], { env: place === 'file' ? {} : env });
    const source = await open('harbor.test:8443');
    onTestFinished(() => source.close());
    await expect(source.resolve(parseReference('harbor.test:8443/a/b:1'))).rejects.toThrow();
    expect(logins).toContain(`Basic ${Buffer.from('robot:geheim').toString('base64')}`);
  });

  it('is anonymous for a registry that is not listed', async () => {
    const source = await createOpenSource([], { env: {} })('other.test');
    expect(source.name).toContain('other.test');
    await source.close();
  });

  it.each([
    ['layout', 'BAD_LAYOUT'],
    ['archive', 'BAD_ARCHIVE'],
  ])('is the %s that its entry names', async (kind, code) => {
    const open = createOpenSource([{ host: 'Demo.test', [kind]: temporaryFolder() }], { env: {} });
    await expect(open('demo.test')).rejects.toMatchObject({ code });
  });
});

describe('a file with a secret', () => {
  it('holds the secret without the line break at its end', () => {
    expect(readSecretFile(fileIn(temporaryFolder(), 'secret', ' s3cret \n'))).toBe('s3cret');
  });

  it('is refused when it is empty or missing', () => {
    const folder = temporaryFolder();
    expect(() => readSecretFile(fileIn(folder, 'empty', '\n'))).toThrow(/empty is empty; write the secret/);
    expect(() => readSecretFile(`${folder}/none`)).toThrow(/cannot be read \(ENOENT\)/);
  });
});

describe('the registry of an address', () => {
  const registryOf = createRegistryOf([
    { host: 'Harbor.test' },
    { host: 'reg.test', url: 'http://127.0.0.1:5000' },
    { host: 'near.test', address: '10.0.0.5:443' },
  ]);

  it('is the entry of that name, else the one that is reached there', () => {
    expect(registryOf('harbor.TEST')).toBe('Harbor.test');
    expect(registryOf('127.0.0.1:5000')).toBe('reg.test');
    expect(registryOf('10.0.0.5:443')).toBe('near.test');
    expect(registryOf('127.0.0.1:5001')).toBeUndefined();
    expect(registryOf('')).toBeUndefined();
  });
});

describe('the source of a registry for somebody else', () => {
  it('shows that authorization and not the configured account', async () => {
    const { url, logins } = await startRegistry();
    const env = { SHOAL_REGISTRY_PASSWORD_HARBOR_TEST: 'geheim' };
    const open = createOpenSource([{ host: 'harbor.test', url, username: 'robot' }], { env });
    const source = await open('harbor.test', 'Bearer g1ven');
    onTestFinished(() => source.close());
    await expect(source.resolve(parseReference('harbor.test/a/b:1'))).rejects.toThrow();
    expect(new Set(logins)).toEqual(new Set(['Bearer g1ven']));
  });
});
