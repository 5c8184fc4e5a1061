import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryError } from '@shoal/registry';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTrackerClient } from '../client/index.ts';
import { createMemorySource, imageIn } from '../memory-source.testkit.ts';
import { openDatabase } from '../store/database.ts';
import { createTokenStore } from '../store/token-store.ts';
import { startTracker, temporaryFolder } from '../tracker.testkit.ts';
import { createTracker, type TrackerOptions } from '../tracker.ts';
import { answerOf } from './error-answer.ts';

const ROUTES: [method: string, path: string, roles: string][] = [
  ['GET', '/v1/jobs', 'admin reader'],
  ['GET', '/v1/jobs/none', 'admin reader'],
  ['GET', '/v1/jobs/none/events', 'admin reader'],
  ['GET', '/v1/jobs/none/log', 'admin reader'],
  ['GET', '/v1/jobs/none/cells', 'admin reader'],
  ['GET', '/v1/jobs/none/hosts/none', 'admin reader'],
  ['GET', '/v1/token', 'admin reader'],
  ['DELETE', '/v1/token', 'admin reader'],
  ['GET', '/v1/fleet', 'admin reader'],
  ['GET', '/v1/events', 'admin reader'],
  ['GET', '/v1/hosts', 'admin reader'],
  ['DELETE', '/v1/hosts/none', 'admin'],
  ['GET', '/v1/status', 'admin reader'],
  ['GET', '/metrics', 'admin reader'],
  ['GET', '/v1/hooks', 'admin reader'],
  ['POST', '/v1/jobs', 'admin'],
  ['POST', '/v1/images/coverage', 'admin reader'],
  ['POST', '/v1/images/outdated', 'admin reader'],
  ['POST', '/v1/jobs/none/cancel', 'admin'],
  ['POST', '/v1/jobs/none/pause', 'admin'],
  ['POST', '/v1/jobs/none/resume', 'admin'],
  ['POST', '/v1/jobs/none/retry', 'admin'],
  ['POST', '/v1/marathon/prewarm', 'admin'],
  ['POST', '/v1/tokens', 'admin'],
  ['GET', '/v1/tokens', 'admin'],
  ['DELETE', '/v1/tokens/none', 'admin'],
  ['POST', '/v1/torrents', 'admin'],
  ['GET', '/v1/passkeys', 'admin'],
  ['DELETE', '/v1/passkeys/none', 'admin'],
  ['GET', '/v1/policy', 'admin reader'],
  ['POST', '/v1/policy', 'admin'],
  ['GET', '/v1/policy/versions', 'admin reader'],
  ['GET', '/v1/policy/versions/none', 'admin reader'],
  ['POST', '/v1/policy/rollback', 'admin'],
  ['POST', '/v1/policy/week', 'admin reader'],
];

describe('the doors', () => {
  it('open each route to its roles only', async () => {
    const { tracker } = await startTracker();
    const roles = ['admin', 'reader', 'agent', 'seeder'] as const;
    const tokens = roles.map((role) => ({ role, token: tracker.createToken(role, role) }));
    for (const [method, path, allowed] of ROUTES) {
      const ask = (headers: Record<string, string>) => fetch(`${tracker.url}${path}`, { method, headers });
      expect((await ask({})).status, `${method} ${path} without a token`).toBe(401);
      for (const { role, token } of tokens) {
        const { status } = await ask({ authorization: `Bearer ${token}` });
        expect([401, 403].includes(status), `${method} ${path} as ${role}: ${status}`).toBe(!allowed.includes(role));
      }
    }
  });

  it('leave health and the API description open, and nothing else', async () => {
    const { tracker } = await startTracker();
    expect(await (await fetch(`${tracker.url}/healthz`)).json()).toEqual({ ok: true });
    const api = (await (await fetch(`${tracker.url}/v1/openapi.json`)).json()) as { openapi: string; paths: object };
    expect(api.openapi).toBe('3.1.0');
    const described = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, 'none')}`),
    );
    const open = ['GET /healthz', 'GET /v1/sign-in'];
    expect(described.sort()).toEqual([...ROUTES.map(([method, path]) => `${method} ${path}`), ...open].sort());
  });

  it('do not open on both kinds of line, nor on none', async () => {
    const options: TrackerOptions = {
      ...{ dataDir: temporaryFolder(), host: '127.0.0.1', port: 0, version: '1', logger: pino({ level: 'silent' }) },
      openSource: async () => createMemorySource(),
    };
    const refusal = { name: 'TrackerError', code: 'BAD_OPTIONS' };
    await expect(createTracker(options)).rejects.toMatchObject(refusal);
    await expect(createTracker({ ...options, insecure: true, tls: { cert: '', key: '' } })).rejects.toMatchObject(
      refusal,
    );
    await expect(createTracker({ ...options, insecure: false })).rejects.toMatchObject(refusal);
  });

  it('warn in the log when they stand open', async () => {
    const { logs } = await startTracker();
    expect(logs.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ level: 40, msg: expect.stringMatching(/^insecure/) }),
    );
  });
});

describe('the API description', () => {
  it('says of an answer that is no JSON what it is', async () => {
    const { tracker } = await startTracker();
    const api = (await (await fetch(`${tracker.url}/v1/openapi.json`)).json()) as { paths: Record<string, object> };
    expect(api.paths['/v1/torrents']).toMatchObject({
      post: { responses: { 201: { content: { 'application/x-bittorrent': { schema: { format: 'binary' } } } } } },
    });
  });
});

describe('an error', () => {
  it('has one form: code, text and whether to try again', async () => {
    const { client } = await startTracker();
    await expect(client.job('none')).rejects.toMatchObject({
      ...{ name: 'TrackerApiError', code: 'UNKNOWN_JOB', status: 404, retryable: false },
      text: expect.stringContaining('none'),
    });
    await expect(client.revokeToken('none')).rejects.toMatchObject({ code: 'UNKNOWN_TOKEN', status: 404 });
  });

  it.each([
    ['no images', { images: [] }],
    ['an unknown key', { images: ['a'], host: ['b'] }],
    ['a wrong type', { images: 'a' }],
  ])('names what is wrong with %s', async (_title, body) => {
    const { client } = await startTracker();
    await expect(client.createJob(body as never)).rejects.toMatchObject({ code: 'BAD_REQUEST', status: 400 });
  });

  it("of the registry passes on in the registry's words", async () => {
    const kit = await startTracker();
    await kit.agent('a');
    kit.source.failWith = new RegistryError('RATE_LIMITED', 'too fast.', { registryText: 'come back later' });
    await expect(kit.client.createJob({ images: ['r.test/a:1'] })).rejects.toMatchObject({
      ...{ code: 'RATE_LIMITED', status: 503, retryable: true },
      text: expect.stringContaining('come back later'),
    });
  });

  it('that nobody foresaw tells nothing to the caller and all to the log', async () => {
    const kit = await startTracker();
    await kit.agent('a');
    kit.source.failWith = new Error('a secret detail');
    await expect(kit.client.createJob({ images: ['r.test/a:1'] })).rejects.toMatchObject({
      ...{ code: 'INTERNAL', status: 500 },
      text: expect.not.stringContaining('secret'),
    });
    expect(kit.logs.join()).toContain('a secret detail');
  });

  it('is DISK_FULL when the database has no space to write', () => {
    const db = openDatabase(temporaryFolder());
    onTestFinished(() => void db.close());
    db.pragma('max_page_count = 1'); // as large as it is
    const tokens = createTokenStore(db);
    const fill = () => {
      for (let index = 0; index < 1000; index++) tokens.create({ role: 'agent', name: 'x'.repeat(200) }, 0);
    };
    expect(answerOf(thrownBy(fill))).toMatchObject({
      ...{ code: 'DISK_FULL', status: 507, retryable: true },
      text: expect.stringContaining('free space in its dataDir'),
    });
  });

  it('is UNREACHABLE when no tracker answers', async () => {
    const { client, tracker } = await startTracker();
    await tracker.stop();
    await expect(client.status()).rejects.toMatchObject({ code: 'UNREACHABLE', status: 0, retryable: true });
  });
});

describe('the client', () => {
  it('says so when it speaks https to a tracker that does not', async () => {
    const { tracker } = await startTracker();
    const client = createTrackerClient({ url: tracker.url.replace('http', 'https'), token: 'x' });
    onTestFinished(() => client.close());
    const { code, text } = await client.hosts().catch((error) => error);
    expect(code).toBe('UNREACHABLE');
    expect(text).toMatch(/does not speak https; is it an http:\/\/ tracker \(insecure: true\)\?$/);
  });

  it('lets the reason of an abort through as it is, before an answer and within one', async () => {
    const { client, source, agent } = await startTracker();
    source.tag('team/app:1', imageIn(source));
    await agent('a');
    const { id } = await client.createJob({ images: ['registry.test/team/app:1'] });
    const reason = new Error('enough');
    const watching = (signal: AbortSignal) => client.watchJob(id, { signal })[Symbol.asyncIterator]();
    await expect(watching(AbortSignal.abort(reason)).next()).rejects.toBe(reason);
    const abort = new AbortController();
    const views = watching(abort.signal);
    expect((await views.next()).value).toMatchObject({ state: 'running' });
    abort.abort(reason);
    await expect(views.next()).rejects.toBe(reason);
  });
});

describe('tokens', () => {
  it('are made, listed without their secret, and revoked', async () => {
    const { client, tracker } = await startTracker();
    const { id, token } = await client.createToken({ role: 'reader', name: 'dashboard' });
    const reader = createTrackerClient({ url: tracker.url, token });
    onTestFinished(() => reader.close());
    expect(await reader.status()).toMatchObject({ version: '1.2.3', agents: { known: 0, online: 0 }, runningJobs: 0 });
    const listed = await client.tokens();
    expect(listed).toContainEqual({ id, role: 'reader', name: 'dashboard', createdAt: expect.any(String) });
    expect(JSON.stringify(listed)).not.toContain('shoal_');
    await client.revokeToken(id);
    await expect(reader.status()).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
  });
});

describe('TLS', () => {
  it('holds for API and sessions against a custom authority, and without it nothing connects', async () => {
    const { cert, key } = selfSigned();
    const tracker = await createTracker({
      ...{ dataDir: temporaryFolder(), host: '127.0.0.1', port: 0, version: '1', logger: pino({ level: 'silent' }) },
      ...{ tls: { cert, key }, openSource: async () => createMemorySource() },
    });
    onTestFinished(() => tracker.stop());
    expect(tracker.url).toMatch(/^https:/);
    const token = tracker.createToken('admin', 'test');
    const trusting = createTrackerClient({ url: tracker.url, token, ca: cert });
    const wary = createTrackerClient({ url: tracker.url, token });
    onTestFinished(async () => void (await Promise.all([trusting.close(), wary.close()])));
    expect(await trusting.hosts()).toEqual([]);
    const distrust = await wary.hosts().catch((error) => error);
    expect(distrust).toMatchObject({ code: 'UNREACHABLE', cause: { code: expect.stringContaining('CERT') } });
    expect(distrust.text).toMatch(/certificate$/); // no advice that does not help
    const plain = createTrackerClient({ url: tracker.url.replace('https', 'http'), token });
    onTestFinished(() => plain.close());
    await expect(plain.hosts()).rejects.toMatchObject({
      ...{ code: 'UNREACHABLE', text: expect.stringContaining('may speak https') },
    });

    const kit = await startTracker();
    const options = { url: tracker.url, token: tracker.createToken('agent', 'a') };
    await kit.agent('a', { ...options, ca: cert });
    expect(await trusting.hosts()).toMatchObject([{ name: 'a', online: true }]);
    const refused = await kit.agent('b', { ...options, expectRefusal: true });
    expect(await refused.state('disconnected')).toMatchObject({
      text: expect.stringMatching(/self-signed|certificate/),
    });
  });
});

function thrownBy(run: () => void): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

/** openssl is on every Debian and comes with Git on Windows. */
function selfSigned(): { cert: string; key: string } {
  const folder = temporaryFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=shoal test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...algorithm, ...subject, '-keyout', key, '-out', cert], { stdio: 'pipe' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
