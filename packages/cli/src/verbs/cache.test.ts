import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';

const BLOB = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const VIEW = {
  ...{ blobs: 2, bytes: 6_300_000_000, budgetBytes: 12_800_000_000, evictedBlobs: 0, evictedBytes: 0 },
  overBudgetBytes: 0,
  content: [
    {
      ...{ digest: BLOB, bytes: 4_000_000_000, heldBytes: 1_000_000_000, usedAt: '2026-11-27T10:00:00.000Z' },
      ...{ keepUntil: '2026-12-01T00:00:00.000Z', stays: 'job 7 is open' },
    },
    {
      ...{ digest: OTHER, bytes: 2_300_000_000, heldBytes: 2_300_000_000, usedAt: '2026-11-20T10:00:00.000Z' },
      ...{ keepUntil: null, stays: null },
    },
  ],
  heldImages: [
    {
      ...{ imageId: OTHER, tag: 'shoal.local/held/win/servercore:bbbbbbbbbbbb', keepUntil: '2026-12-01T00:00:00.000Z' },
      reference: 'harbor.test/win/servercore:ltsc2022',
    },
  ],
};

/** The agent's control API: answers by path; what it was asked is in `asked`. */
async function agent(answers: Record<string, { status?: number; text: string }>) {
  const asked: { path: string; body: unknown }[] = [];
  const dataDir = temporaryFolder();
  fileIn(dataDir, 'control.token', 'c0ntrol');
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const path = `${request.method} ${request.url}`;
    asked.push({ path, body: text === '' ? undefined : JSON.parse(text) });
    const answer = request.headers.authorization === 'Bearer c0ntrol' ? answers[path] : undefined;
    response.writeHead(answer === undefined ? 404 : (answer.status ?? 200)).end(answer?.text);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const place = ['--data-dir', dataDir, '--control-port', String((server.address() as AddressInfo).port)];
  return { asked, cache: (...args: string[]) => run(['cache', ...args, ...place]) };
}

const json = (value: object, status = 200) => ({ text: JSON.stringify(value), status });
const lines = (...events: object[]) => ({ text: events.map((event) => `${JSON.stringify(event)}\n`).join('') });

describe('shoal cache ls', () => {
  it('shows each blob with why it stays, the held images and the budget', async () => {
    const { cache } = await agent({ 'GET /v1/cache': json(VIEW) });
    const { code, out } = await cache('ls');
    expect(code).toBe(0);
    expect(out).toMatch(/^BLOB +SIZE +HELD +LAST USED +KEPT UNTIL +STAYS AS$/m);
    expect(out).toMatch(
      new RegExp(`^${BLOB} +4\\.0 GB +25 % +2026-11-27T10:\\S+ +2026-12-01T\\S+ +job 7 is open$`, 'm'),
    );
    expect(out).toMatch(new RegExp(`^${OTHER} +2\\.3 GB +100 % +2026-11-20T10:\\S+$`, 'm'));
    expect(out).toMatch(
      /^shoal\.local\/held\/win\/servercore:b{12} +sha256:b+ +harbor\.test\/win\S+ +2026-12-01T\S+$/m,
    );
    expect(out).toMatch(/^6\.3 GB of 12\.8 GB in 2 blobs$/m);
    expect(JSON.parse((await cache('ls', '--json')).out)).toEqual(VIEW);
  });
});

describe('shoal cache rm', () => {
  it('says what went, and ends with 1 when something was refused, with why', async () => {
    const view = { removed: [{ digest: OTHER, bytes: 2e9 }], refused: [{ digest: BLOB, why: 'job 7 is open' }] };
    const { asked, cache } = await agent({ 'POST /v1/cache/rm': json(view) });
    const { code, out, err } = await cache('rm', OTHER, BLOB);
    expect(asked).toEqual([{ path: 'POST /v1/cache/rm', body: { digests: [OTHER, BLOB] } }]);
    expect([code, err]).toEqual([1, `${BLOB} is not removed: job 7 is open\n`]);
    expect(out).toBe(`removed ${OTHER}\n1 removed, 2.0 GB free again\n`);
    const told = await cache('rm', OTHER, '--json');
    expect([told.code, told.err, JSON.parse(told.out)]).toEqual([1, '', view]);
  });

  it('--unused removes what nobody needs', async () => {
    const { asked, cache } = await agent({ 'POST /v1/cache/rm': json({ removed: [], refused: [] }) });
    expect(await cache('rm', '--unused')).toMatchObject({ code: 0, out: '0 removed, 0 B free again\n' });
    expect(asked).toMatchObject([{ body: { unused: true } }]);
  });

  it.each([[['rm']], [['rm', BLOB, '--unused']], [['rm', 'sha256:12']], [['verify', '../x']]])(
    'is used wrongly: %j',
    async (args) => {
      const { asked, cache } = await agent({});
      const { code, err } = await cache(...args);
      expect([code, asked]).toEqual([2, []]);
      expect(err).toMatch(/^shoal: .+\n$/);
    },
  );
});

describe('shoal cache verify', () => {
  const progress = { type: 'progress', digest: BLOB, doneBytes: 1e9, totalBytes: 4e9 };

  it('ends with 0 when all is right, and shows how far it is', async () => {
    const right = { type: 'blob', digest: BLOB, result: 'right' };
    const { asked, cache } = await agent({ 'POST /v1/cache/verify': lines(progress, right) });
    const { code, out, err } = await cache('verify');
    expect([code, asked]).toEqual([0, [{ path: 'POST /v1/cache/verify', body: {} }]]);
    expect(err).toBe(`${BLOB}: 25 % of 4.0 GB hashed\n`);
    expect(out).toMatch(new RegExp(`^${BLOB} +right$`, 'm'));
    expect(out).toMatch(/^0 of 1 wrong$/m);
  });

  it('ends with 1 when something was wrong, and says what', async () => {
    const wrong = { digest: BLOB, result: 'wrong', why: 'piece 3 is not what its hash says' };
    const { asked, cache } = await agent({ 'POST /v1/cache/verify': lines({ type: 'blob', ...wrong }) });
    const { code, out } = await cache('verify', BLOB);
    expect([code, asked[0]?.body]).toEqual([1, { digests: [BLOB] }]);
    expect(out).toMatch(/wrong +piece 3 is not what its hash says$/m);
    expect(out).toMatch(/^1 of 1 wrong and dropped$/m);
    const told = await cache('verify', BLOB, '--json');
    expect([told.code, JSON.parse(told.out)]).toEqual([1, { blobs: [wrong], wrong: 1 }]);
  });
});

describe('an agent', () => {
  it('that refuses is quoted', async () => {
    const error = { code: 'BAD_REQUEST', text: 'digests.0: no digest', retryable: false };
    const { cache } = await agent({ 'POST /v1/cache/rm': json({ error }, 400) });
    expect(await cache('rm', BLOB)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/\/rm: digests\.0: no digest/),
    });
  });

  it('that does not know of caches is named with what it answered', async () => {
    const { cache } = await agent({});
    expect(await cache('ls')).toMatchObject({ code: 1, err: expect.stringContaining('answered 404') });
  });

  it('that is not there is said', async () => {
    const dataDir = temporaryFolder();
    fileIn(dataDir, 'control.token', 'x');
    const place = ['--data-dir', dataDir, '--control-port', '1'];
    for (const args of [['ls'], ['verify'], ['rm', '--unused']])
      expect(await run(['cache', ...args, ...place])).toMatchObject({
        ...{ code: 1, err: expect.stringContaining('no agent answers at http://127.0.0.1:1') },
      });
  });
});
