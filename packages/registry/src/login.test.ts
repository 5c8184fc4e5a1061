import { describe, expect, it } from 'vitest';
import { createImage, REFERENCE, type TestImage } from './image.testkit.ts';
import { createRegistrySource } from './registry-source.ts';
import { type Handler, json, startServer, type TestServer } from './test-server.testkit.ts';
import { createVirtualTime } from './virtual-time.testkit.ts';

const LOGIN = { username: 'robot$p2p', password: 'hunter2-secret' };
const BASIC = `Basic ${Buffer.from('robot$p2p:hunter2-secret').toString('base64')}`;
const image = createImage();

interface BearerOptions {
  /** What the token service answers to its n-th request. */
  token?: (count: number, authorization: string | undefined) => unknown;
  /** Whether the registry takes this `Authorization`. */
  accepts?: (authorization: string, count: number) => boolean;
  /** The challenge to a login that is refused; Harbor asks for Basic then. */
  refusal?: string;
}

/** Harbor as the contracts describe it. */
function harbor({ token, accepts = () => true, refusal }: BearerOptions = {}): Handler {
  let tokens = 0;
  let manifests = 0;
  return (request, response) => {
    const { authorization, host } = request.headers;
    if (request.url?.startsWith('/service/token')) {
      const answer = token?.(tokens, authorization) ?? { token: `token-${tokens}`, access_token: '', expires_in: 1800 };
      tokens += 1;
      return json(response, 200, answer);
    }
    if (authorization !== undefined && accepts(authorization, manifests)) {
      manifests += 1;
      return serveManifest(response, image);
    }
    const bearer = `Bearer realm="http://${host}/service/token",service="harbor-registry",scope="repository:team/a:pull"`;
    const challenge = authorization !== undefined && refusal ? refusal : bearer;
    json(response.setHeader('www-authenticate', challenge), 401, {
      errors: [{ code: 'UNAUTHORIZED', message: 'no access' }],
    });
  };
}

function serveManifest(response: Parameters<Handler>[1], { mediaType, manifest }: TestImage): void {
  response.writeHead(200, { 'content-type': mediaType }).end(manifest);
}

function sourceOf(server: TestServer, options: object = {}, time = createVirtualTime()) {
  return createRegistrySource({ host: server.host, url: server.url, ...options }, time);
}

const tokenRequests = (server: TestServer) => server.asked.filter((line) => line.includes('/service/token'));

describe('a registry that wants a Bearer token', () => {
  it('gets one fetched for the repository, with the login sent to the token service only', async () => {
    const server = await startServer(harbor());
    const resolved = await sourceOf(server, LOGIN).resolve(REFERENCE);
    expect(resolved.digest).toBe(image.digest);
    expect(server.asked).toEqual([
      'GET /v2/team/a/manifests/1',
      'GET /service/token?service=harbor-registry&scope=repository%3Ateam%2Fa%3Apull',
      'GET /v2/team/a/manifests/1',
    ]);
    expect(server.logins).toEqual([undefined, BASIC, 'Bearer token-0']);
  });

  it('gets an anonymous token without a login', async () => {
    const server = await startServer(harbor());
    await sourceOf(server).resolve(REFERENCE);
    expect(server.logins).toEqual([undefined, undefined, 'Bearer token-0']);
  });

  it('may name it access_token', async () => {
    const server = await startServer(harbor({ token: () => ({ access_token: 'other' }) }));
    await sourceOf(server).resolve(REFERENCE);
    expect(server.logins.at(-1)).toBe('Bearer other');
  });

  it('is asked for it once until shortly before it ends', async () => {
    const server = await startServer(harbor());
    const time = createVirtualTime();
    const source = sourceOf(server, LOGIN, time);
    await source.resolve(REFERENCE);
    time.advance(1_769_000);
    await source.resolve(REFERENCE);
    expect(tokenRequests(server)).toHaveLength(1);
    time.advance(2_000);
    await source.resolve(REFERENCE);
    expect(tokenRequests(server)).toHaveLength(2);
    expect(server.logins.at(-1)).toBe('Bearer token-1');
  });

  it('is asked for it once by readers that start together', async () => {
    const server = await startServer(harbor());
    const source = sourceOf(server);
    await Promise.all([1, 2, 3, 4].map(() => source.resolve(REFERENCE)));
    expect(tokenRequests(server)).toHaveLength(1);
  });

  it('is asked for a new one when it no longer takes the old, though it then asks for Basic as Harbor does', async () => {
    const accepts = (authorization: string, count: number) => count === 0 || authorization === 'Bearer token-1';
    const server = await startServer(harbor({ accepts, refusal: 'Basic realm="harbor"' }));
    const source = sourceOf(server, LOGIN);
    await source.resolve(REFERENCE);
    await source.resolve(REFERENCE);
    expect(server.logins.slice(3)).toEqual(['Bearer token-0', BASIC, 'Bearer token-1']);
  });

  it('is not asked a third time when it refuses a fresh token', async () => {
    const server = await startServer(harbor({ accepts: () => false }));
    await expect(sourceOf(server).resolve(REFERENCE)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      status: 401,
      registryText: 'UNAUTHORIZED: no access',
      message: expect.stringContaining('configure username and password'),
    });
    expect(server.asked).toHaveLength(3);
  });

  it('whose token service hangs does not hold a reader that was stopped', async () => {
    const controller = new AbortController();
    const server = await startServer((request, response) => {
      if (request.url?.startsWith('/token')) return controller.abort();
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
    });
    await expect(sourceOf(server).resolve(REFERENCE, controller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('is reported when its token service sends no token', async () => {
    const server = await startServer(harbor({ token: () => ({ token: '', access_token: '' }) }));
    await expect(sourceOf(server).resolve(REFERENCE)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });
});

it('a wrong password is UNAUTHORIZED, says what to do, and is not shown even if the registry repeats it', async () => {
  const server = await startServer((request, response) => {
    if (request.url?.startsWith('/token')) {
      return json(response, 401, { details: `wrong password hunter2-secret (${request.headers.authorization})` });
    }
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
  });
  const error = await sourceOf(server, LOGIN)
    .resolve(REFERENCE)
    .catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ code: 'UNAUTHORIZED', retryable: false });
  expect(String(error)).toContain('Correct them, or renew the robot account');
  expect(String(error)).toContain('wrong password *** (Basic ***)');
});

it('a token the registry repeats is not shown', async () => {
  const server = await startServer((request, response) => {
    if (request.url?.startsWith('/token')) return json(response, 200, { token: 'very-secret-token' });
    if (request.headers.authorization) return json(response, 403, { message: `no ${request.headers.authorization}` });
    response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end();
  });
  await expect(sourceOf(server).resolve(REFERENCE)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    registryText: 'no Bearer ***',
  });
});

describe('a registry that wants Basic', () => {
  const basicRegistry: Handler = (request, response) => {
    if (request.headers.authorization === BASIC) return serveManifest(response, image);
    response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
  };

  it('gets the login, from then on without being asked', async () => {
    const server = await startServer(basicRegistry);
    const source = sourceOf(server, LOGIN);
    await source.resolve(REFERENCE);
    await source.resolve(REFERENCE);
    expect(server.logins).toEqual([undefined, BASIC, BASIC]);
  });

  it('is UNAUTHORIZED with a wrong login, asked twice at most', async () => {
    const server = await startServer(basicRegistry);
    const source = sourceOf(server, { ...LOGIN, password: 'other' });
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(server.asked).toHaveLength(2);
    await expect(source.resolve(REFERENCE)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(server.asked).toHaveLength(3);
  });

  it('is UNAUTHORIZED without a login, and the error says to configure one', async () => {
    const server = await startServer(basicRegistry);
    await expect(sourceOf(server).resolve(REFERENCE)).rejects.toThrow(/configure username and password/);
  });

  it('is UNAUTHORIZED when it wants a kind of login nobody knows', async () => {
    const server = await startServer((_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Negotiate' }).end(),
    );
    await expect(sourceOf(server, LOGIN).resolve(REFERENCE)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});
