import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { EngineError } from '@shoal/agent';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileIn, run, temporaryFolder } from '../cli.testkit.ts';
import { fileSystemNote, judgeRoom } from '../doctor/check-disk.ts';
import { judgeEngine, judgeEngineError } from '../doctor/check-engine.ts';
import { checkLimits, checkProxies, isExcepted } from '../doctor/check-host.ts';
import { judgeClock } from '../doctor/check-tracker.ts';
import type { CheckName, Diagnosis, Finding } from '../doctor/finding.ts';
import { startTestTracker } from '../tracker.testkit.ts';

const GB = 1e9;

/** An agent's settings whose ports are any. */
async function diagnose(settings: object, platform?: NodeJS.Platform): Promise<Diagnosis & { code: number }> {
  const cwd = temporaryFolder();
  const all = { exit: 'cache', peer: { port: 0 }, control: { port: 0 }, dataDir: join(cwd, 'data'), ...settings };
  const config = fileIn(cwd, 'agent.yaml', JSON.stringify(all));
  const { code, out } = await run(['doctor', '--config', config, '--json'], { cwd, ...(platform && { platform }) });
  return { ...JSON.parse(out), code };
}

function found({ findings }: Diagnosis, check: CheckName): Finding[] {
  return findings.filter((finding) => finding.check === check);
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('shoal doctor on a host without a running agent', () => {
  it('ends with 0 when all is well, and says that the agent does not run', async () => {
    const { tracker } = await startTestTracker();
    const token = tracker.createToken('agent', 'web-1');
    const diagnosis = await diagnose({ tracker: { url: tracker.url, token } });
    expect(diagnosis.findings.filter(({ state }) => state === 'fault')).toEqual([]);
    expect(diagnosis).toMatchObject({ code: 0, faults: 0 });
    expect(found(diagnosis, 'agent')).toMatchObject([{ state: 'warning', text: /no control token/ }].map(expectText));
    expect(found(diagnosis, 'tracker')).toMatchObject([
      { state: 'ok', text: `${tracker.url} answers, is trusted, and takes the token` },
    ]);
    expect(found(diagnosis, 'clock')).toMatchObject([{ state: 'ok' }]);
    expect(JSON.stringify(diagnosis)).not.toContain(token);
  });

  it('prints a line a finding with what to do', async () => {
    const cwd = temporaryFolder();
    const settings = { exit: 'cache', dataDir: 'data', peer: { port: 0 }, control: false };
    const url = 'http://127.0.0.1:1';
    fileIn(cwd, 'agent.yaml', JSON.stringify({ ...settings, tracker: { url, token: 'shoal_agent_x' } }));
    const { code, out } = await run(['doctor', '--config', 'agent.yaml'], { cwd });
    expect(code).toBe(1);
    expect(out).toMatch(
      /^tracker +fault +http:\/\/127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED.*\. See that the tracker/m,
    );
    expect(out).toMatch(/\n1 fault, \d warnings?\n$/);
  });

  it('says each fault of the settings and looks no further', async () => {
    const diagnosis = await diagnose({ wat: 1, tracker: { url: 'http://a' } });
    expect(diagnosis.code).toBe(1);
    expect(new Set(diagnosis.findings.map(({ check }) => check))).toEqual(new Set(['settings']));
    expect(diagnosis.findings.map(({ text }) => text).join('\n')).toMatch(
      /agent\.yaml:\d+:\d+: wat .*\n.*tracker\.token is missing/,
    );
  });

  it.each([
    ['unknown', 'shoal_agent_wrong', /does not know the token/],
    ["a person's", undefined, /the token is for something else: .*role admin/],
  ])('finds a token that is %s', async (_, token, text) => {
    const { tracker, env } = await startTestTracker();
    const diagnosis = await diagnose({ tracker: { url: tracker.url, token: token ?? env.SHOAL_TOKEN } });
    expect(found(diagnosis, 'tracker')).toEqual([
      expectText({ check: 'tracker', state: 'fault', text, next: /^Make one/ }),
    ]);
  });

  it('compares the clock with the Date of the answer', async () => {
    const server = createHttpServer((_, response) => {
      response.setHeader('date', new Date(Date.now() - 120_000).toUTCString());
      response.end('{"ok":true}');
    });
    const diagnosis = await diagnose({ tracker: { url: `http://127.0.0.1:${await portOf(server)}`, token: 'x' } });
    expect(found(diagnosis, 'clock')).toEqual([
      expectText({
        check: 'clock',
        state: 'fault',
        text: /ahead of the tracker, more than 30 s/,
        next: /time service/,
      }),
    ]);
  });

  it('finds a port that somebody else has', async () => {
    const { tracker } = await startTestTracker();
    const port = await portOf(createTcpServer());
    const peer = { host: '127.0.0.1', port };
    const diagnosis = await diagnose({ peer, tracker: { url: tracker.url, token: tracker.createToken('agent', 'a') } });
    expect(found(diagnosis, 'ports')[0]).toMatchObject({ state: 'fault', next: 'Set peer.port to a free port.' });
  });

  it('finds an engine that is not there, and a registry that is none', async () => {
    const { tracker } = await startTestTracker();
    const server = createHttpServer((_, response) => response.writeHead(404).end());
    const host = `127.0.0.1:${await portOf(server)}`;
    const diagnosis = await diagnose({
      ...{ exit: 'engine', engine: { address: 'tcp://127.0.0.1:1' } },
      tracker: { url: tracker.url, token: tracker.createToken('agent', 'a') },
      registries: [{ host, url: `http://${host}` }],
    });
    expect(found(diagnosis, 'engine')).toMatchObject([{ state: 'fault' }]);
    expect(found(diagnosis, 'registry')).toEqual([
      expectText({ check: 'registry', state: 'fault', text: /answers \/v2\/ with 404/, next: /url or address/ }),
    ]);
  });

  it('finds a data folder that is a file, and a file of shoal setup that was changed since', async () => {
    const folder = temporaryFolder();
    const { tracker } = await startTestTracker();
    const place = { url: tracker.url, token: tracker.createToken('agent', 'a') };
    const file = fileIn(folder, 'file', '');
    expect(found(await diagnose({ tracker: place, dataDir: join(file, 'data') }), 'disk')).toMatchObject([
      { state: 'fault' },
    ]);
    const written = fileIn(folder, 'daemon.json', '{}');
    const kept = { program: 'docker', path: written, written: 'sha256:other', isEdited: false };
    mkdirSync(join(folder, 'setup'));
    writeFileSync(join(folder, 'setup', 'manifest.json'), JSON.stringify({ version: 1, files: [kept], folders: [] }));
    const diagnosis = await diagnose({ tracker: place, dataDir: folder });
    expect(found(diagnosis, 'setup')).toMatchObject([{ state: 'warning', next: /--dry-run/ }].map(expectText));
    expect(readFileSync(written, 'utf8')).toBe('{}');
  });
});

describe('shoal doctor on Windows', () => {
  it('asks the pipe of the engine, and not what Windows has none of', async () => {
    const { tracker } = await startTestTracker();
    const place = { url: tracker.url, token: tracker.createToken('agent', 'a') };
    const diagnosis = await diagnose({ exit: 'engine', tracker: place }, 'win32');
    expect(found(diagnosis, 'engine')).toEqual([
      expectText({
        check: 'engine',
        state: 'fault',
        text: /npipe:\/\/\/\/\.\/pipe\/docker_engine/,
        next: /engine\.address/,
      }),
    ]);
    expect([...found(diagnosis, 'limits'), ...found(diagnosis, 'setup')]).toEqual([]);
    expect(found(diagnosis, 'disk')).toMatchObject([{ state: 'ok' }]);
  });
});

/** Regular expressions stand for text that matches. */
function expectText(finding: Record<string, unknown>): Finding {
  const entries = Object.entries(finding).map(([key, value]) => [
    key,
    value instanceof RegExp ? expect.stringMatching(value) : value,
  ]);
  return Object.fromEntries(entries);
}

describe('a check judges', () => {
  it.each([
    ['19.03.15', 'fault'],
    ['20.10.24', 'ok'],
    ['28.5.2', 'ok'],
  ])('an engine of version %s: %s', (version, state) => {
    expect(judgeEngine('it', version).state).toBe(state);
  });

  it.each([
    ['ENGINE_FORBIDDEN', true, 'warning'],
    ['ENGINE_FORBIDDEN', false, 'fault'],
    ['ENGINE_DOWN', true, 'fault'],
  ] as const)('an engine that answers %s, with an agent that runs (%s): %s', (code, agentRuns, state) => {
    const error = new EngineError(code, 'unix:///var/run/docker.sock (EACCES)');
    expect(judgeEngineError(error, 'unix:///var/run/docker.sock', agentRuns)).toMatchObject({ check: 'engine', state });
  });

  it.each([
    [29_000, 'ok'],
    [-29_000, 'ok'],
    [32_000, 'fault'],
    [-32_000, 'fault'],
  ])('a clock that is %d ms off: %s', (offsetMs, state) => {
    expect(judgeClock(1_000_000, 1_000_500 + offsetMs)).toMatchObject({ check: 'clock', state });
  });

  it('room against budget and floor', () => {
    const room = (freeBytes: number, usedBytes = 0) =>
      judgeRoom('/data', { volume: { totalBytes: 100 * GB, freeBytes }, budget: { percent: 20 }, usedBytes });
    expect(room(50 * GB).state).toBe('ok');
    expect(room(10 * GB)).toMatchObject({ state: 'warning', text: expect.stringContaining('only 5.0 GB can be used') });
    expect(room(10 * GB, 15 * GB).state).toBe('ok');
    expect(room(4 * GB).state).toBe('fault');
  });

  it('file systems by their number', () => {
    expect(fileSystemNote(0x01021994)?.name).toBe('tmpfs');
    expect(fileSystemNote(0xef53)).toBeUndefined();
  });

  it('open files where the system limits them', () => {
    const limits = (hard: string) =>
      fileIn(temporaryFolder(), 'limits', `Max open files            256    ${hard}    files\n`);
    expect(checkLimits('linux', limits('512'))).toMatchObject([{ state: 'fault' }]);
    expect(checkLimits('linux', limits('2048'))).toMatchObject([{ state: 'warning' }]);
    expect(checkLimits('linux', limits('1048576'))).toMatchObject([{ state: 'ok' }]);
    expect(checkLimits('win32', '/none')).toEqual([]);
  });

  it('proxies only where Node is told to use them', () => {
    const env = { https_proxy: 'http://user:secret@proxy:3128' };
    expect(checkProxies(env, 'https://t.example.com')).toMatchObject({ state: 'ok' });
    const caught = checkProxies({ ...env, NODE_USE_ENV_PROXY: '1' }, 'https://t.example.com');
    expect(caught).toMatchObject({ state: 'fault', next: expect.stringContaining('t.example.com,127.0.0.1') });
    expect(JSON.stringify(caught)).not.toContain('secret');
    const excepted = { ...env, NODE_USE_ENV_PROXY: '1', NO_PROXY: '.example.com, 127.0.0.1' };
    expect(checkProxies(excepted, 'https://t.example.com').state).toBe('ok');
    expect([isExcepted('*', 'a'), isExcepted('a.b:443', 'A.b'), isExcepted('b', 'a.b'), isExcepted('', 'a')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
