/** Tokens for a registry's own clients, from servers that ask for them in all the ways registries do. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Handler, json, startServer, type TestServer } from './test-server.testkit.ts';
import { createUpstream } from './upstream.ts';

const ALICE = `Basic ${Buffer.from('alice:hunter2-secret').toString('base64')}`;
const PULL = 'repository:team/app:pull';

async function asking(handler: Handler) {
  const server = await startServer(handler);
  const upstream = createUpstream({ host: 'harbor.test', url: server.url });
  onTestFinished(() => upstream.close());
  const ask = (authorization?: string, scopes = [PULL]) => upstream.token({ scopes, authorization });
  return { server, ask };
}

/** Sends its clients for a token to `service`, which lets Alice in. */
const bearer =
  (realm: (server: string) => string = (server) => `http://${server}/token`): Handler =>
  (request, response) => {
    const { host = '', authorization } = request.headers;
    if (!request.url?.startsWith('/token'))
      return json(response.setHeader('www-authenticate', `Bearer realm="${realm(host)}",service="harbor"`), 401, {});
    if (authorization !== ALICE) return json(response, 401, { details: 'incorrect username or password' });
    json(response, 200, { token: 'the-token', access_token: '', refresh_token: 'kept-back', expires_in: 1800 });
  };

/** Takes the account itself. */
const basic: Handler = (request, response) => {
  if (request.headers.authorization === ALICE) return json(response, 200, {});
  json(response.setHeader('www-authenticate', 'Basic realm="test"'), 401, { errors: [{ code: 'UNAUTHORIZED' }] });
};

const queries = ({ asked }: TestServer) => asked.filter((line) => line.includes('/token'));

describe('a client of a registry', () => {
  it('gets the token of its own account, asked for by the registry’s own names', async () => {
    const { server, ask } = await asking(bearer());
    expect(await ask(ALICE)).toEqual({ kind: 'token', token: 'the-token', lifeSeconds: 1800 });
    expect(queries(server)).toEqual(['GET /token?service=harbor&scope=repository%3Ateam%2Fapp%3Apull']);
    expect(server.logins).toEqual([undefined, ALICE]);
  });

  it('may want several scopes, or none to prove an account', async () => {
    const { server, ask } = await asking(bearer());
    await ask(ALICE, [PULL, 'repository:team/other:pull']);
    await ask(ALICE, []);
    expect(queries(server)).toEqual([
      'GET /token?service=harbor&scope=repository%3Ateam%2Fapp%3Apull&scope=repository%3Ateam%2Fother%3Apull',
      'GET /token?service=harbor',
    ]);
  });

  it('is refused in the words of the token service', async () => {
    const { ask } = await asking(bearer());
    const refused = { kind: 'refused', status: 401, contentType: 'application/json' };
    expect(await ask(undefined)).toEqual({ ...refused, body: '{"details":"incorrect username or password"}' });
  });

  it('needs no token where nobody asks for a login', async () => {
    const { ask } = await asking((_, response) => json(response, 200, {}));
    expect(await ask(ALICE)).toEqual({ kind: 'none' });
  });

  it('has its account tried where the registry takes that itself', async () => {
    const { server, ask } = await asking(basic);
    expect(await ask(ALICE)).toEqual({ kind: 'basic' });
    expect(await ask('Basic d3Jvbmc=')).toMatchObject({ kind: 'refused', status: 401 });
    expect(await ask(undefined)).toEqual({ kind: 'none' });
    expect(server.asked.every((line) => line === 'GET /v2/')).toBe(true);
  });

  it('hears of a registry that fails', async () => {
    const { ask } = await asking((_, response) => json(response, 503, { errors: [] }));
    expect(await ask(ALICE)).toMatchObject({ kind: 'refused', status: 503, body: '{"errors":[]}' });
  });

  it.each([
    ['a realm that is no url', bearer(() => 'nowhere'), 'BAD_RESPONSE'],
    ['no token', bearer((server) => `http://${server}/tokenless`), 'BAD_RESPONSE'],
    [
      'a login of another kind',
      ((_, response) => json(response.setHeader('www-authenticate', 'Negotiate'), 401, {})) satisfies Handler,
      'UNAUTHORIZED',
    ],
  ] as [string, Handler, string][])(
    'is told what is wrong with %s, and never the account',
    async (_title, handler, code) => {
      const { ask } = await asking((request, response, count) => {
        if (request.url?.startsWith('/tokenless')) return json(response, 200, { errors: [] });
        handler(request, response, count);
      });
      const error = await ask(ALICE).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error).toMatchObject({ code, message: expect.not.stringContaining('hunter2') });
    },
  );
});
