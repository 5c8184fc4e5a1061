/** Logins that a real docker-registry believes in: an htpasswd file, and a token service as Harbor's. */
import { sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { selfSignedCertificate } from '../../packages/registry/src/certificate.testkit.ts';
import { cleanUpAfter, tempDir } from './cleanup.ts';

/** The account that both let in. The registry takes bcrypt only: this is its published test vector. */
export const ROBOT = { username: 'robot', password: 'U*U' };
export const HTPASSWD = 'robot:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n';
export const ROBOT_BASIC = `Basic ${Buffer.from(`${ROBOT.username}:${ROBOT.password}`).toString('base64')}`;

/** The section `auth` of docker-registry's config. */
export async function htpasswdAuth(): Promise<object> {
  const path = join(await tempDir('htpasswd'), 'htpasswd');
  await writeFile(path, HTPASSWD);
  return { htpasswd: { realm: 'test', path } };
}

/** A token service as Harbor's: `access_token` stays empty. Hands out tokens to that account only. */
export async function startTokenService() {
  const { key, cert } = selfSignedCertificate();
  const x5c = [cert.replace(/-----[A-Z ]+-----|\n/g, '')];
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signToken = (...scopes: string[]) => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const times = { iat: nowSeconds, nbf: nowSeconds - 60, exp: nowSeconds + 600 };
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',') };
    });
    const claims = { iss: 'test-issuer', sub: 'robot', aud: 'test-registry', jti: '1', ...times, access };
    const text = `${encode({ typ: 'JWT', alg: 'ES256', x5c })}.${encode(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    const scopes = new URL(request.url ?? '', 'http://tokens').searchParams.getAll('scope');
    const granted = request.headers.authorization === ROBOT_BASIC;
    response.writeHead(granted ? 200 : 401, { 'content-type': 'application/json' });
    const token = { token: signToken(...scopes), access_token: '', expires_in: 600 };
    response.end(JSON.stringify(granted ? token : { details: 'incorrect username or password' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUpAfter(() => void server.close());
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const rootcertbundle = join(await tempDir('tokens'), 'ca.pem');
  await writeFile(rootcertbundle, cert);
  /** The section `auth` of docker-registry's config. */
  const auth = { token: { realm, service: 'test-registry', issuer: 'test-issuer', rootcertbundle } };
  return { auth, sign: signToken, asked: () => requests.map(({ url }) => url) };
}
