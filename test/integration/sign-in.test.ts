/** People sign in at a real OpenID Connect provider, and the tracker gives them what their groups may do. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { startTracker, type TestTracker } from '../../packages/tracker/src/tracker.testkit.ts';
import { type ProviderOptions, startProvider, type TestProvider } from '../support/oidc.ts';
import { freePort } from '../support/port.ts';
import { createVisitor, type Visitor } from '../support/web-visitor.ts';

const HOUR_MS = 3_600_000;
const SECRET = 'the secret of the client';
const PEOPLE = {
  ada: { preferred_username: 'ada', groups: ['staff', 'shoal-admins'] },
  bob: { email: 'bob@example.com', groups: ['shoal-readers'] },
  eve: { preferred_username: 'eve', groups: ['others'] },
};

interface SiteOptions {
  provider?: Partial<ProviderOptions>;
  /** What the tracker takes the secret to be. */
  secret?: string;
  readers?: string[];
  claim?: string;
}

interface Site extends TestTracker {
  provider: TestProvider;
  /** A visitor goes the whole way. */
  signIn(login: string, visitor?: Visitor): Promise<{ url: string; visitor: Visitor }>;
  /** What the page takes then. */
  token(visitor: Visitor): Promise<string>;
  setTime(ms: number): void;
}

async function site({ provider: given, secret = SECRET, readers, claim = 'groups' }: SiteOptions = {}): Promise<Site> {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const provider = await startProvider({
    ...{ clientId: 'shoal', clientSecret: SECRET, claims: PEOPLE },
    ...{ callback: `${publicUrl}/v1/sign-in/oidc/callback`, ...given },
  });
  let now = Date.now();
  const kit = await startTracker({
    ...{ port, publicUrl },
    clock: { now: () => now, uptime: () => now, after: () => () => {} },
    oidc: {
      ...{ issuer: provider.issuer, clientId: 'shoal', clientSecret: () => secret, scope: 'openid profile email' },
      roles: { claim, admins: ['shoal-admins'], readers: readers ?? ['shoal-readers'] },
      lastsMs: 12 * HOUR_MS,
    },
  });
  return Object.assign(kit, {
    provider,
    setTime: (ms: number) => {
      now = ms;
    },
    async signIn(login: string, visitor = createVisitor()) {
      const door = await visitor.visit(`${publicUrl}/v1/sign-in/oidc`);
      const consent = await visitor.visit(formOf(door), { prompt: 'login', login, password: 'x' });
      const { url } = await visitor.visit(formOf(consent), { prompt: 'consent' });
      return { url, visitor };
    },
    async token(visitor: Visitor) {
      const answer = await visitor.fetch(`${publicUrl}/v1/sign-in/token`, { method: 'POST' });
      return ((await answer.json()) as { token: string }).token;
    },
  });
}

/** Where the page's form goes. */
function formOf({ url, text }: { url: string; text: string }): string {
  return new URL(/action="([^"]+)"/.exec(text)?.[1] ?? '', url).href;
}

async function own({ tracker }: TestTracker, token: string, method = 'GET') {
  const answer = await fetch(`${tracker.url.replace('localhost', '127.0.0.1')}/v1/token`, {
    ...{ method, headers: { authorization: `Bearer ${token}` } },
  });
  return { status: answer.status, body: answer.status === 200 ? await answer.json() : undefined };
}

it('gives each person the role of their groups, for a time', async () => {
  const kit = await site();
  const ada = await kit.signIn('ada');
  expect(ada.url).toMatch(/\/#\/signed-in$/);
  const token = await kit.token(ada.visitor);
  expect((await own(kit, token)).body).toMatchObject({ role: 'admin', name: 'ada', expiresAt: expect.any(String) });
  const bob = await kit.signIn('bob');
  expect((await own(kit, await kit.token(bob.visitor))).body).toMatchObject({
    role: 'reader',
    name: 'bob@example.com',
  });

  const tokens = await kit.client.tokens();
  expect(Object.fromEntries(tokens.map(({ name, expiresAt }) => [name, expiresAt !== undefined]))).toEqual({
    ...{ test: false, ada: true, 'bob@example.com': true },
  });
  kit.setTime(Date.now() + 13 * HOUR_MS);
  expect((await own(kit, token)).status).toBe(401);
  expect((await kit.client.tokens()).map(({ name }) => name)).toEqual(['test']);
});

it('lets nobody in who is in no group, and tells operators why', async () => {
  const kit = await site();
  const { url, visitor } = await kit.signIn('eve');
  expect(url).toMatch(/#\/sign-in-failed\/NO_ROLE$/);
  expect(visitor.cookies.has('shoal_signed_in')).toBe(false);
  const line = await kit.logged('could not sign in');
  expect(line).toContain('eve; the claim groups has none of shoal-admins, shoal-readers');
});

it("lets everybody look where readers is '*'", async () => {
  const kit = await site({ readers: ['*'] });
  const { visitor } = await kit.signIn('eve');
  expect((await own(kit, await kit.token(visitor))).body).toMatchObject({ role: 'reader', name: 'eve' });
});

it('finds groups below a dotted claim, and those that only the userinfo endpoint tells', async () => {
  const claims = { ada: { realm_access: { roles: ['shoal-admins'] } } };
  const kit = await site({ claim: 'realm_access.roles', provider: { claims, thinIdToken: true } });
  const { visitor } = await kit.signIn('ada');
  expect((await own(kit, await kit.token(visitor))).body).toMatchObject({ role: 'admin', name: 'ada' });
});

it('ends with signing out; a token that was made for somebody does not', async () => {
  const kit = await site();
  const { visitor } = await kit.signIn('ada');
  const token = await kit.token(visitor);
  expect((await own(kit, token, 'DELETE')).status).toBe(204);
  expect((await own(kit, token)).status).toBe(401);
  const standing = kit.tracker.createToken('reader', 'a screen');
  expect((await own(kit, standing, 'DELETE')).status).toBe(409);
  expect((await own(kit, standing)).status).toBe(200);
});

it('hands the token over once, to the browser that went, by a cookie no script and no other site sees', async () => {
  const kit = await site();
  const { visitor } = await kit.signIn('ada');
  expect(visitor.cookies.get('shoal_signed_in')).toMatch(/Max-Age=60; Path=\/v1\/sign-in; HttpOnly; SameSite=Strict$/);
  const other = await fetch(`${publicOf(kit)}/v1/sign-in/token`, { method: 'POST' });
  expect(other.status).toBe(400);
  await kit.token(visitor);
  expect((await visitor.fetch(`${publicOf(kit)}/v1/sign-in/token`, { method: 'POST' })).status).toBe(400);
});

it('takes no way back that another browser began, nor one that was changed', async () => {
  const kit = await site();
  const victim = createVisitor();
  const attacker = createVisitor();
  const stop = async (visitor: Visitor, login: string) => {
    const door = await visitor.visit(`${publicOf(kit)}/v1/sign-in/oidc`);
    const consent = await visitor.visit(formOf(door), { prompt: 'login', login, password: 'x' });
    let response = await visitor.fetch(formOf(consent), {
      ...{ method: 'POST', body: new URLSearchParams({ prompt: 'consent' }) },
    });
    let location = response.headers.get('location') ?? '';
    while (!location.includes('/v1/sign-in/oidc/callback')) {
      response = await visitor.fetch(location);
      location = response.headers.get('location') ?? '';
    }
    return location;
  };
  const theirs = await stop(attacker, 'ada');
  expect((await victim.visit(theirs)).url).toMatch(/SIGN_IN_EXPIRED$/);
  await victim.visit(`${publicOf(kit)}/v1/sign-in/oidc`);
  expect((await victim.visit(theirs)).url).toMatch(/SIGN_IN_FAILED$/);
  expect(victim.cookies.has('shoal_signed_in')).toBe(false);
  const code = new URL(theirs).searchParams.get('code') ?? '?';
  expect(kit.logs.join('\n')).not.toContain(code);
});

it('asks the provider nothing for a cookie that it did not give, or gave long ago', async () => {
  const kit = await site();
  const old = createVisitor();
  const door = await old.visit(`${publicOf(kit)}/v1/sign-in/oidc`);
  const state = new URL((await old.fetch(`${publicOf(kit)}/v1/sign-in/oidc`)).headers.get('location') ?? '')
    .searchParams;
  expect(door.status).toBe(200);
  kit.setTime(Date.now() + 11 * 60_000);
  const callback = `${publicOf(kit)}/v1/sign-in/oidc/callback?code=junk&state=${state.get('state')}`;
  expect((await old.visit(callback)).url).toMatch(/SIGN_IN_EXPIRED$/);
  const forger = createVisitor();
  forger.cookies.set('shoal_sign_in', 'forged.1');
  const forged = createHash('sha256').update('state forged.1').digest('base64url');
  expect((await forger.visit(callback.replace(/state=.*/, `state=${forged}`))).url).toMatch(/SIGN_IN_EXPIRED$/);
  forger.cookies.set('shoal_signed_in', 'no token of anybody');
  expect((await forger.fetch(`${publicOf(kit)}/v1/sign-in/token`, { method: 'POST' })).status).toBe(400);
});

it('writes little of a flood of failures, and of each what cannot harm a terminal', async () => {
  const kit = await site();
  const visitor = createVisitor();
  const begin = await visitor.fetch(`${publicOf(kit)}/v1/sign-in/oidc`);
  const state = new URL(begin.headers.get('location') ?? '').searchParams.get('state');
  const words = encodeURIComponent(`\u009b31m\u202e${'x'.repeat(5000)}`);
  await visitor.visit(`${publicOf(kit)}/v1/sign-in/oidc/callback?error=x&error_description=${words}&state=${state}`);
  const line = await kit.logged('could not sign in');
  expect(line.length).toBeLessThan(600);
  expect(line).not.toMatch(/[\u009b\u202e]/);
  for (let count = 0; count < 50; count++) await createVisitor().visit(`${publicOf(kit)}/v1/sign-in/oidc/callback`);
  expect(kit.logs.filter((one) => one.includes('could not sign in'))).toHaveLength(20);
});

it('says so when the provider is away, wrong or refuses, and goes on when it is back', async () => {
  const kit = await site();
  await kit.provider.stop();
  const { url } = await createVisitor().visit(`${publicOf(kit)}/v1/sign-in/oidc`);
  expect(url).toMatch(/SIGN_IN_FAILED$/);
  expect(await kit.logged('could not sign in')).toMatch(/ECONNREFUSED/);
  await startProvider({
    ...{ clientId: 'shoal', clientSecret: SECRET, claims: PEOPLE, port: Number(new URL(kit.provider.issuer).port) },
    callback: `${publicOf(kit)}/v1/sign-in/oidc/callback`,
  });
  const { visitor } = await kit.signIn('bob');
  expect((await own(kit, await kit.token(visitor))).status).toBe(200);
});

it('a wrong secret of the client is no sign-in, and stands in no log', async () => {
  const kit = await site({ secret: 'another secret' });
  const { url } = await kit.signIn('ada');
  expect(url).toMatch(/SIGN_IN_FAILED$/);
  expect(await kit.logged('could not sign in')).toMatch(/invalid_client/);
  expect(kit.logs.join('\n')).not.toMatch(/another secret/);
});

function publicOf({ tracker }: TestTracker): string {
  return tracker.url.replace('localhost', '127.0.0.1');
}
