/** A certified OpenID Connect provider on loopback, whose people are who they say they are. */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { cleanUpAfter } from './cleanup.ts';

export interface TestProvider {
  issuer: string;
  /** Ends it; it can be started again at the same place. */
  stop(): Promise<void>;
}

export interface ProviderOptions {
  clientId: string;
  clientSecret?: string;
  callback: string;
  /** By login. */
  claims: Record<string, Record<string, unknown>>;
  /** Groups come from the userinfo endpoint only. */
  thinIdToken?: boolean;
  tls?: { cert: string; key: string };
  port?: number;
}

export async function startProvider(options: ProviderOptions): Promise<TestProvider> {
  const { tls, port = 0 } = options;
  let answer: ReturnType<Provider['callback']> | undefined;
  const handle: Parameters<typeof createServer>[1] = (request, response) => void answer?.(request, response);
  const server: Server = tls ? createTlsServer(tls, handle) : createServer(handle);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const issuer = `${tls ? 'https://localhost' : 'http://127.0.0.1'}:${(server.address() as AddressInfo).port}`;
  answer = new Provider(issuer, configurationOf(options)).callback();
  const stop = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  cleanUpAfter(stop);
  return { issuer, stop };
}

function configurationOf({ clientId, clientSecret, callback, claims, thinIdToken }: ProviderOptions): Configuration {
  const method = clientSecret === undefined ? 'none' : 'client_secret_basic';
  return {
    clients: [
      {
        ...{ client_id: clientId, redirect_uris: [callback], token_endpoint_auth_method: method },
        ...(clientSecret !== undefined && { client_secret: clientSecret }),
      },
    ],
    claims: { openid: ['sub', 'groups', 'realm_access'], profile: ['preferred_username'], email: ['email'] },
    conformIdTokenClaims: thinIdToken ?? false,
    findAccount: (_context, login) => ({ accountId: login, claims: () => ({ sub: login, ...claims[login] }) }),
    cookies: { keys: ['of a test'] },
  };
}
