/** A robot account of Harbor as tracker.yaml names it, against Harbor's two ways to log in, under a CA of one's own. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { parseReference } from '@shoal/oci';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createOpenSource } from '../../packages/cli/src/config/sources.ts';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { createImage } from '../../packages/registry/src/image.testkit.ts';
import { tempDir } from '../support/cleanup.ts';

const image = createImage();
const ACCOUNT = { username: 'robot$p2p', password: 'R0b0t!' };
const BASIC = `Basic ${Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64')}`;

/** src/server/middleware/v2auth: a Bearer challenge to whoever shows nothing; Basic is taken directly, too. */
async function startHarbor(flow: 'token' | 'basic') {
  const { key, cert } = selfSignedCertificate();
  const seen: string[] = [];
  const server = createServer({ key, cert }, ({ url = '', headers }, response) => {
    const { authorization } = headers;
    seen.push(`${url} ${authorization ?? 'nothing'}`);
    const json = (status: number, body: unknown, more: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(body));
    if (url.startsWith('/service/token')) {
      if (authorization !== BASIC) return json(401, { errors: [{ code: 'UNAUTHORIZED', message: 'unauthorized' }] });
      return json(200, { token: 't0ken', access_token: '', expires_in: 1800, issued_at: '2026-11-22T10:00:00Z' });
    }
    if (authorization === (flow === 'token' ? 'Bearer t0ken' : BASIC))
      return response.writeHead(200, { 'content-type': image.mediaType }).end(image.manifest);
    const realm = `https://${headers.host}/service/token`;
    const bearer = `Bearer realm="${realm}",service="harbor-registry",scope="repository:win/app:pull"`;
    const challenge = flow === 'token' && authorization === undefined ? bearer : 'Basic realm="harbor"';
    return json(
      401,
      { errors: [{ code: 'UNAUTHORIZED', message: 'unauthorized' }] },
      { 'www-authenticate': challenge },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { cert, seen, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** An entry of `registries`, its password and its bundle of authorities in files. */
async function entryFor({ cert, address }: { cert: string; address: string }, password = ACCOUNT.password) {
  const folder = await tempDir('account');
  const [passwordFile, ca] = [join(folder, 'password'), join(folder, 'bundle.pem')];
  writeFileSync(passwordFile, `${password}\n`);
  writeFileSync(ca, `${rootCertificates[0]}\n${cert}`);
  return { host: 'localhost:8443', address, username: ACCOUNT.username, passwordFile, ca };
}

describe('a robot account', () => {
  it.each(['token', 'basic'] as const)(
    'reads by the %s flow, trusting the second authority of a bundle',
    async (flow) => {
      const harbor = await startHarbor(flow);
      const source = await createOpenSource([await entryFor(harbor)], { env: {} })('localhost:8443');
      onTestFinished(() => source.close());
      const { digest } = await source.resolve(parseReference('localhost:8443/win/app:1'));
      expect(digest).toBe(image.digest);
      const asked =
        flow === 'token' ? `/service/token?service=harbor-registry&scope=repository%3Awin%2Fapp%3Apull` : '/v2/';
      expect(harbor.seen.some((line) => line.startsWith(asked) && line.endsWith(BASIC))).toBe(true);
    },
  );

  it('with a wrong password is told what to correct, without the password', async () => {
    const harbor = await startHarbor('token');
    const source = await createOpenSource([await entryFor(harbor, 'Wr0ng')], { env: {} })('localhost:8443');
    onTestFinished(() => source.close());
    const error = await source.resolve(parseReference('localhost:8443/win/app:1')).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringMatching(/localhost:8443/) });
    expect(String(error)).not.toContain('Wr0ng');
  });

  it('is not shown to a server that the bundle does not vouch for', async () => {
    const harbor = await startHarbor('basic');
    const entry = await entryFor({ ...harbor, cert: selfSignedCertificate().cert });
    const source = await createOpenSource([entry], { env: {} })('localhost:8443');
    onTestFinished(() => source.close());
    await expect(source.resolve(parseReference('localhost:8443/win/app:1'))).rejects.toMatchObject({
      code: 'UNTRUSTED',
    });
    expect(harbor.seen).toEqual([]);
  });
});
