/** The proxy's own token endpoint, in front of two HTTP servers that play registries and their token services. */
import { describe, expect, it } from 'vitest';
import { fakeRegistry, type Handler } from './proxy.testkit.ts';
import { proxyTo, serveBlob } from './proxy-to.testkit.ts';

const ALICE = `Basic ${Buffer.from('alice:secret').toString('base64')}`;

const saidBy = (authorization = '') => Buffer.from(authorization.slice(6), 'base64').toString().split(':').slice(0, 1);

/** Everybody gets a token that says who asked, at which registry and for what. */
const withTokens =
  (name: string): Handler =>
  (request, response) => {
    const { host, authorization } = request.headers;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://any');
    if (pathname === '/token')
      return void response.end(
        JSON.stringify({ token: [name, ...saidBy(authorization), ...searchParams.getAll('scope')].join('|') }),
      );
    if (authorization !== undefined) return void response.end(authorization);
    response.setHeader('www-authenticate', `Bearer realm="http://${host}/token",service="${name}"`);
    response.writeHead(401).end();
  };

/** Wants Alice's account itself. */
const basic: Handler = (request, response) => {
  if (request.headers.authorization === ALICE) return void response.end(request.headers.authorization);
  response.setHeader('www-authenticate', 'Basic realm="x"').writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
};

async function desk(first: Handler, second: Handler, changes: { default?: string } = {}) {
  const other = await fakeRegistry(second);
  const kit = await proxyTo(first);
  const registries = [
    { host: 'one.test', url: kit.registry.url },
    { host: 'two.test', url: other.url },
  ];
  const { ask, proxy } = await proxyTo(first, { registries, default: undefined, ...changes });
  const token = async (query: string, authorization?: string) => {
    const answer = await ask(`/shoal/token?service=shoal&${query}`, authorization ? { authorization } : {});
    const said = JSON.parse(answer.bytes.toString()) as { token?: string; errors?: { code: string }[] };
    return { ...said, status: answer.status };
  };
  return { ask, token, proxy, other, one: kit.registry };
}

const scopeOf = (name: string) => `scope=${encodeURIComponent(`repository:${name}:pull`)}`;

describe('a client that has no token', () => {
  it('is sent here for one, under the name by which it came', async () => {
    const { ask, proxy } = await desk(serveBlob, serveBlob);
    const { status, headers, bytes } = await ask('/v2/', { host: `localhost:${proxy.port}` });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe(
      `Bearer realm="http://localhost:${proxy.port}/shoal/token",service="shoal"`,
    );
    expect(bytes.toString()).toContain('UNAUTHORIZED');
    const odd = await ask('/v2/', { host: 'x"y' });
    expect(odd.headers['www-authenticate']).toContain(`"http://127.0.0.1:${proxy.port}/shoal/token"`);
  });

  it('is not sent here when it asks for a registry by its name, or as a mirror of one', async () => {
    const { ask } = await desk(withTokens('one'), withTokens('two'));
    expect((await ask('/v2/?ns=two.test')).headers['www-authenticate']).toContain('service="two"');
    expect((await ask('http://one.test/v2/')).headers['www-authenticate']).toContain('service="one"');
  });
});

describe('a token', () => {
  it('is the one of the registry whose host stands in front, for its own name of the repository', async () => {
    const { token, one } = await desk(withTokens('one'), withTokens('two'));
    expect(await token(scopeOf('two.test/team/app'), ALICE)).toMatchObject({
      status: 200,
      token: 'two|alice|repository:team/app:pull',
    });
    expect(one.asked).toEqual([]); // the account is none of its business
  });

  it('without a host in front is the default registry’s', async () => {
    const { token } = await desk(withTokens('one'), withTokens('two'), { default: 'one.test' });
    expect((await token(scopeOf('team/app'))).token).toBe('one||repository:team/app:pull');
  });

  it('may be for several repositories of one registry', async () => {
    const { token } = await desk(withTokens('one'), withTokens('two'));
    const both = `${scopeOf('one.test/a/b')}&${scopeOf('one.test/c/d')}`;
    expect((await token(both)).token).toBe('one||repository:a/b:pull|repository:c/d:pull');
    const spaced = `scope=${encodeURIComponent('repository:one.test/a/b:pull repository:one.test/c/d:pull')}`;
    expect((await token(spaced)).token).toBe('one||repository:a/b:pull|repository:c/d:pull');
  });

  it('in place of a registry’s that takes accounts becomes the account, at that registry only', async () => {
    const { ask, token, other } = await desk(basic, withTokens('two'));
    const { token: ours } = await token(scopeOf('one.test/team/app'), ALICE);
    const authorization = `Bearer ${ours}`;
    expect((await ask('/v2/one.test/team/app/tags/list', { authorization })).bytes.toString()).toBe(ALICE);
    expect((await ask('/v2/two.test/team/app/tags/list', { authorization })).status).toBe(401);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    const wrong = await token(scopeOf('one.test/team/app'), 'Basic d3Jvbmc6');
    expect(wrong).toMatchObject({ status: 401, errors: [{ code: 'UNAUTHORIZED' }] });
  });

  it.each(['Bearer shoal.%%%', 'Bearer shoal.e30', 'Bearer shoal.bnVsbA'])(
    'that is made up (%s) is none',
    async (made) => {
      const { ask } = await desk(withTokens('one'), basic);
      expect((await ask('/v2/two.test/team/app/tags/list', { authorization: made })).status).toBe(401);
    },
  );

  it('for a registry without a login says nothing there', async () => {
    const { ask, token, one } = await desk((_, response) => void response.end('{}'), basic);
    const { token: ours } = await token(scopeOf('one.test/team/app'), ALICE);
    await ask('/v2/one.test/team/app/tags/list', { authorization: `Bearer ${ours}` });
    expect(one.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });
});

describe('a login without a repository', () => {
  it('of several registries is taken as it is, and its account sent to none', async () => {
    const { ask, token, one, other } = await desk(withTokens('one'), withTokens('two'));
    const { token: ours } = await token('account=alice', ALICE);
    expect((await ask('/v2/', { authorization: `Bearer ${ours}` })).status).toBe(200);
    expect([one.asked, other.asked]).toEqual([[], []]);
  });

  it('of the only registry is that registry’s to judge', async () => {
    const { ask, registry } = await proxyTo(basic, { default: undefined });
    const answers = [ALICE, 'Basic d3Jvbmc6'].map((authorization) => ask('/shoal/token', { authorization }));
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 401]);
    expect(registry.asked.every((line) => line === 'GET /v2/')).toBe(true);
  });
});

describe('bad input', () => {
  it.each([
    ['an unknown registry', scopeOf('evil.test/team/app'), 404, 'NAME_UNKNOWN'],
    ['no registry', scopeOf('team/app'), 404, 'NAME_UNKNOWN'],
    ['two registries', `${scopeOf('one.test/a')}&${scopeOf('two.test/a')}`, 400, 'DENIED'],
    ['no scope', 'scope=nonsense', 400, 'DENIED'],
    ['a name in capitals', scopeOf('one.test/Team/app'), 400, 'NAME_INVALID'],
    ['a way out', scopeOf('one.test/../app'), 400, 'NAME_INVALID'],
    ['nothing but a host', scopeOf('one.test/'), 400, 'NAME_INVALID'],
    ['a query', scopeOf('one.test/a?scope=b'), 400, 'DENIED'],
    ['a hundred scopes', Array.from({ length: 100 }, () => scopeOf('one.test/a')).join('&'), 400, 'DENIED'],
  ])('%s is refused, and no account sent on', async (_title, query, status, code) => {
    const { token, one, other } = await desk(withTokens('one'), withTokens('two'));
    expect(await token(query, ALICE)).toMatchObject({ status, errors: [{ code }] });
    expect([one.asked, other.asked]).toEqual([[], []]);
  });

  it('a method that Docker does not use is not allowed', async () => {
    const { ask } = await desk(withTokens('one'), withTokens('two'));
    const { status, headers } = await ask('/shoal/token', {}, 'POST', 'grant_type=password');
    expect([status, headers.allow]).toEqual([405, 'GET']);
  });

  it('a registry that leads here, or is away, is said to be so', async () => {
    const { ask } = await proxyTo(serveBlob, {
      registries: [{ host: 'one.test', url: 'http://127.0.0.1:9' }],
      default: undefined,
    });
    const away = await ask('/shoal/token', { authorization: ALICE });
    expect([away.status, away.bytes.toString()]).toEqual([503, expect.not.stringContaining('secret')]);
  });
});
